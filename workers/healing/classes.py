"""What kind of error a message tells of. The runtime begins its messages alike (`workers.runtime.answers`, the dispatcher);
a test holds this module against them.
"""

from __future__ import annotations

import re
from typing import Literal

ErrorClass = Literal["transient", "permanent", "defect", "poison", "engine"]
"""``transient``: every try was used up on a failure that may go away by itself. ``permanent``: it says what to do first.
``defect``: the task's code is wrong. ``poison``: the job kills its worker. ``engine``: Zeebe stopped it, before or after any
worker."""

JOB = "JOB_NO_RETRIES"
"""Zeebe's error type of an incident that a worker asked for."""

_DEAD = re.compile(r"^Gave up after \d+ tries\.")
_POISON = re.compile(r"^\S+ was started \d+ times and never gave an answer")
_ABOUT = (
    ("crm", re.compile(r"\b(CRM|HubSpot|Salesforce)\b")),
    ("erp", re.compile(r"\bERP\b")),
    ("mail", re.compile(r"\bmail\b", re.IGNORECASE)),
)


def of_incident(error_type: str, message: str) -> ErrorClass:
    """Of an incident, by Zeebe's error type and its message."""
    if error_type != JOB:
        return "engine"
    if message.startswith("Gave up after the last try: "):
        return "transient"
    if message.startswith("Defect in "):
        return "defect"
    return "poison" if _POISON.match(message) else "permanent"


def of_dead_letter(message: str) -> ErrorClass:
    """Of a row that left the outbox undelivered."""
    return "transient" if _DEAD.match(message) else "permanent"


def about(message: str) -> str:
    """The dependency that a message names; empty: none, or none that is known here."""
    return next((name for name, pattern in _ABOUT if pattern.search(message)), "")
