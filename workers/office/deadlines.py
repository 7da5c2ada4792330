"""Until when people decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sla:
    """Working minutes until somebody is reminded, the task is due, and it is escalated."""

    remind: float
    due: float
    escalate: float


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Moments in the working time of the organisation, in UTC."""

    remind_at: datetime
    due_at: datetime
    escalate_at: datetime


class WorkingTime(Protocol):
    """Who knows when an organisation works."""

    async def deadlines(self, organisation: str, minutes: Mapping[str, float], at: datetime) -> dict[str, datetime]:
        """For each name the moment at which so many working minutes of the organisation have passed since `at`."""
        ...


async def deadlines(
    book: WorkingTime, organisation: str, sla: Sla, at: datetime, *, not_after: datetime | None = None
) -> Deadlines:
    """Deadlines from `at` on in the organisation's working time, none of them later than `not_after`."""
    due = await book.deadlines(
        organisation, {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate}, at
    )
    return Deadlines(**{name: min(moment, not_after) if not_after else moment for name, moment in due.items()})
