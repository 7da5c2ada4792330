"""Notices about human tasks: a reminder, that one is overdue, or that something takes long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from workers.office.letters import CHANNEL, escalation, reminder, takes_long
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

Notice = Literal["reminder", "escalation", "slow"]

_TOLD: Mapping[Notice, tuple[str, str]] = {
    "reminder": ("reminded", "before it is due"),
    "escalation": ("escalated", "as it is overdue"),
    "slow": ("told_slow", "as it takes long"),
}


async def send(
    work: Work,
    notice: Notice,
    task_name: str,
    of: str,
    *,
    audience: str,
    addresses: Sequence[str],
    due_at: datetime | None,
    link: str,
) -> None:
    """Write to the addresses about a task `of` an organisation, and note that the audience was told.

    Raises:
        PermanentError: a notice of a deadline has no `due_at`.
    """
    name = f"{task_name}: {of}"
    if notice == "slow":
        letter = takes_long(name, link=link)
    elif due_at is None:
        raise PermanentError("A reminder needs `due_at`. Map it on this element of the diagram.")
    else:
        write = reminder if notice == "reminder" else escalation
        letter = write(name, due_at=due_at, link=link)
    await work.send(CHANNEL, letter.to(addresses))
    action, why = _TOLD[notice]
    await work.note(action, f"{audience} are told by mail, {why}.", task=task_name)
