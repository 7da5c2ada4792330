"""What follow-ups need from outside. Each port has its adapter in the module of the same name in `adapters`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workers.follow_up.ports.book import FollowUpBook
from workers.follow_up.ports.crm import CrmActivities
from workers.runtime.work import Work


@dataclass(frozen=True, slots=True)
class FollowUpPorts:
    """What every task of this context gets as its second argument."""

    book: FollowUpBook
    crm: CrmActivities
    tasks_link: str
    """Where people find their tasks."""
    work: Work
    clock: Callable[[], datetime]
    """Now, in UTC."""
