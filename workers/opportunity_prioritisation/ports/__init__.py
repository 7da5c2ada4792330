"""What the ranking needs from outside. Each port has its adapter in the module of the same name in `adapters`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workers.opportunity_prioritisation.ports.book import PrioritisationBook
from workers.opportunity_prioritisation.ports.crm import CrmOpportunities
from workers.opportunity_prioritisation.ports.lists import ListDesk
from workers.opportunity_prioritisation.ports.models import WinModelShelf
from workers.runtime.work import Work


@dataclass(frozen=True, slots=True)
class PrioritisationPorts:
    """What every task of this context gets as its second argument."""

    book: PrioritisationBook
    crm: CrmOpportunities
    models: WinModelShelf
    lists: ListDesk
    tasks_link: str
    """Where people find their tasks."""
    work: Work
    clock: Callable[[], datetime]
    """Now, in UTC."""
