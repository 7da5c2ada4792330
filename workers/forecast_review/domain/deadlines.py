"""Until when people decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
