"""The pages that say what to do. Every incident and dead letter ends with the address of one.

Which page: an error's own (`TaskError.runbook`), else that for incidents or for dead letters in general.
"""

from __future__ import annotations

INCIDENT = "incident"
DEAD_LETTER = "dead-letter"

LABEL = " Runbook: "


def signed(message: str, address: str, longest: int) -> str:
    """The message with the runbook's address at its end, the message cut so that both fit into `longest` characters."""
    end = f"{LABEL}{address}"
    return f"{message[: max(0, longest - len(end))].rstrip()}{end}"
