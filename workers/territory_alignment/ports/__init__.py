"""What territory alignment needs from outside. Each port has its adapter in the module of the same name in `adapters`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workers.runtime.work import Work
from workers.territory_alignment.ports.book import AlignmentBook
from workers.territory_alignment.ports.data import DataDesk
from workers.territory_alignment.ports.looks import LookDesk
from workers.territory_alignment.ports.notices import NoticeDesk
from workers.territory_alignment.ports.pictures import PictureShelf
from workers.territory_alignment.ports.plans import PlanDesk
from workers.territory_alignment.ports.publication import PublicationDesk
from workers.territory_alignment.ports.solver import Solver


@dataclass(frozen=True, slots=True)
class TerritoryAlignmentPorts:
    """What every task of this context gets as its second argument."""

    book: AlignmentBook
    data: DataDesk
    solver: Solver
    plans: PlanDesk
    looks: LookDesk
    publication: PublicationDesk
    notices: NoticeDesk
    pictures: PictureShelf
    work: Work
    clock: Callable[[], datetime]
    """Now, in UTC."""
