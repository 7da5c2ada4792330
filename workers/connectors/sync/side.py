"""What keeping leads equal needs of a CRM; each connector's own `side` gives it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.answers import Fault, Json
from workers.connectors.leads import System
from workers.connectors.records import Record


@dataclass(frozen=True, slots=True)
class Page:
    """Some of all records, in an order that does not change."""

    records: Sequence[Record]
    after: str | None
    """Where to go on; None: that was all."""
    snapshot: bool = False
    """Whether the records were read long ago, so that one that differs has to be read anew before anything is done."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a lead ended there: it converted, or it will not."""

    converted: bool
    at: datetime | None
    """When its record was changed last, so that it was said then or before; None: that is not known."""


Ended = Callable[[AsyncConnection[DictRow], str, Outcome], Awaitable[None]]
"""Takes a lead's outcome into our book, in the connection's transaction; the same once more changes nothing."""


class Side(ABC):
    """One account. Every method raises `SystemDown`, `SystemPause` and `SystemRefused` (see `connectors.answers`)."""

    title: str
    batch: int = 100
    """Leads of ours that are looked at together whose record was not seen."""
    source: str
    """Under which its leads come in, and what `sync.records.system` says."""

    def __init__(self, system: System[Any, Any]) -> None:  # Any: whichever system it is
        self.system = system

    @abstractmethod
    async def page(self, after: str | None) -> Page:
        """Records of leads that are there now, some after those of the page that said `after`; perhaps none yet."""

    @abstractmethod
    async def read(self, record_ids: Collection[str]) -> Mapping[str, Record]:
        """Records by the ids asked for; of one that was merged, the one that it was merged into. Others are left out."""

    @abstractmethod
    async def deleted(self, record_ids: Collection[str]) -> set[str]:
        """Which of these were deleted for certain: what we only may not see any more is not among them."""

    @abstractmethod
    async def write(
        self, values: Mapping[str, Mapping[str, str]], read: Mapping[str, Record] | None = None
    ) -> Mapping[str, Fault]:
        """Write records by their ids; what was wrong with those that were not written.

        `read`: the records as they were read, by what the values were found. One that somebody changed since is not
        written (`Fault.meanwhile`), as far as the system lets us know. None: nobody else writes these fields.
        """

    async def add(self, changes: Sequence[Json], run: int) -> Mapping[str, Record]:
        """Make records of leads that have none, if so many are better made together; those made, by the leads' ids. The
        others are to be sent one by one.

        Args:
            changes: as the outbox has them (`lead_routing.adapters.crm.CrmDelivery`).
            run: of the comparison that found that they are missing.
        """
        return {}

    @abstractmethod
    def created(self, record: Record) -> datetime | None:
        """When it was made there."""

    @abstractmethod
    def changed(self, record: Record) -> datetime | None:
        """When it was changed there last, by whomever."""

    @abstractmethod
    def ended(self, record: Record) -> bool:
        """Whether nothing of it is kept equal any more, as it became something else there."""

    @abstractmethod
    def outcome(self, record: Record) -> Outcome | None:
        """How its lead ended, by what the mapping says; None: nothing is said yet."""

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """All pages after one."""
        while True:
            found = await self.page(after)
            yield found
            if found.after is None:
                return
            after = found.after
