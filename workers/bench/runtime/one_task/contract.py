"""What both tasks take and give."""

from __future__ import annotations

from workers.runtime.task import Contract


class Case(Contract):
    """What the task is started with."""

    case_id: str


class Handled(Contract):
    """What it leaves in the process."""

    handled: bool
