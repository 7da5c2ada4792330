"""What quota approval needs from outside. Each port has its adapter in the module of the same name in `adapters`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workers.quota_approval.ports.book import QuotaBook
from workers.quota_approval.ports.cases import CaseDesk, DoneTasks
from workers.quota_approval.ports.planning import InputDesk, Planner
from workers.quota_approval.ports.publication import PublicationDesk
from workers.quota_approval.ports.upkeep import UpkeepDesk
from workers.runtime.work import Work


@dataclass(frozen=True, slots=True)
class QuotaApprovalPorts:
    """What every task of this context gets as its second argument."""

    book: QuotaBook
    inputs: InputDesk
    planner: Planner
    cases: CaseDesk
    done: DoneTasks
    publication: PublicationDesk
    upkeep: UpkeepDesk
    tasks: str
    """Where people find their tasks."""
    work: Work
    clock: Callable[[], datetime]
    """Now, in UTC."""
