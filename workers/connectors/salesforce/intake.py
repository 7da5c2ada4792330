"""New leads of Salesforce become leads here, and what became of ours there is noted and followed. It is asked for what
changed; `listening` says which records did, and has them taken in the same way.

A lead that carries our id is no new one: the id is written in the same request that makes it. Each look begins somewhat
before the last one's end, as a change has the time at which its transaction began and is seen when it ends; a lead that
comes again is known by its id, and an outcome by what was said last of the lead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.records import Record
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.crm import Salesforce
from workers.connectors.salesforce.read import Read
from workers.connectors.salesforce.side import CONVERTED, DELETED, SOURCE, STATUS
from workers.connectors.sync import ledger
from workers.connectors.sync.following import Follower
from workers.connectors.sync.keeping import Kept
from workers.connectors.turns import Turns
from workers.lead_routing.ports.crm import CrmDown, CrmResting
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError

log = structlog.get_logger()

OVERLAP = timedelta(minutes=10)
"""No transaction of Salesforce takes longer."""
HELD_SECONDS = 60.0
"""Who died while looking is waited for so long; a page takes seconds."""

STAMP = "SystemModstamp"

Take = Callable[[AsyncConnection[DictRow], Sequence[Mapping[str, Any]]], Awaitable[int]]  # Any: JSON
"""Takes leads in the connection's transaction; how many were not there before."""
Seen = Callable[[AsyncConnection[DictRow]], Awaitable[object]]
"""Notes, in the transaction in which records are taken, how far that is."""


class LeadIntake:
    """Looks for new leads and takes them, and for what became of ours."""

    def __init__(
        self, salesforce: Salesforce, pool: Pool, take: Take, follower: Follower, *, poll_seconds: float
    ) -> None:
        self._salesforce = salesforce
        self._pool = pool
        self._take = take
        self._follower = follower
        self._turns = Turns(pool, every_seconds=poll_seconds, held_seconds=HELD_SECONDS)

    async def look(self, *, anyway: bool = False) -> int:
        """Take what is new; how many leads and outcomes. 0 also if it is another dispatcher's turn, unless `anyway`.

        Raises:
            CrmResting: Salesforce asked for a pause, or failed several times in a row.
        """
        try:
            return await self._look(anyway=anyway)
        except CrmResting:
            raise
        except (CrmDown, PermanentError) as error:  # it is asked again by and by
            log.warning("no look for new leads", action="salesforce_not_read", reason=str(error))
            return 0

    async def source(self) -> str:
        """The organisation, as `runtime.polled` names it.

        Raises:
            CrmDown: Salesforce can't be asked.
        """
        async with self._salesforce.asked() as client:
            return f"{SOURCE}:{(await client.session()).org_id}"

    async def read(self, source: str, record_ids: Collection[str]) -> Sequence[Read]:
        """Of so many records at most as `side.PAGE` has, those that are new or ours; what was deleted too.

        Raises:
            CrmDown: Salesforce can't be asked.
        """
        since = await self._turns.since(source) or datetime.now(UTC)  # before the first look nothing was new
        among = f"Id IN ({', '.join(soql.text(one) for one in sorted(record_ids))})"
        async with self._salesforce.asked() as client:
            return await client.query(self._query(since, among), deleted=True)

    async def _look(self, *, anyway: bool) -> int:
        source = await self.source()
        async with self._turns.taken(source, anyway=anyway) as turn:
            if turn is None:
                return 0
            taken = 0
            async with self._salesforce.asked() as client:
                changed = f"{STAMP} >= {soql.moment(turn.seen_until - OVERLAP)}"
                read_at = await ledger.now(self._pool)
                async for page in client.pages(self._query(turn.since, changed), deleted=True):
                    taken += await self._page(source, page, read_at)
                    read_at = await ledger.now(self._pool)
        return taken

    def _query(self, since: datetime, which: str) -> str:
        mapping = self._salesforce.mapping
        ours = mapping.keeps.lead_id
        new = f"{ours} = null AND {CONVERTED} = false AND {DELETED} = false AND CreatedDate >= {soql.moment(since)}"
        where = f"{which} AND (({new}) OR {ours} != null)"
        fields = mapping.of_lead() | {STAMP, STATUS, CONVERTED, DELETED}
        return soql.select(fields, "Lead", where, order=f"{STAMP}, Id")

    async def _page(self, source: str, page: Sequence[Read], read_at: datetime) -> int:
        if not page:
            return 0
        stamps = [stamp for one in page if (stamp := one.moment(STAMP)) is not None]

        async def seen(connection: AsyncConnection[DictRow]) -> None:
            await self._turns.seen(connection, source, max(stamps, default=None))

        return await self.take(page, read_at, seen)

    async def take(self, page: Sequence[Read], read_at: datetime, seen: Seen) -> int:
        """Take records and note how far that is, both or nothing; how many leads and outcomes are new. `read_at`: as
        `Keeper.keep`.

        Raises:
            SystemPause, SystemDown, SystemRefused: Salesforce can't be asked; a repeat goes on from there.
        """
        mapping = self._salesforce.mapping
        leads, met = [], dict[str, tuple[Record, str | None]]()
        kept, gone = list[Read](), set[str]()
        for record in page:
            if record.get(mapping.keeps.lead_id) is None:
                fields = mapping.lead_of(record)
                leads.append({"source": SOURCE, "external_id": record.id, "channel": "crm", **fields})
                met[record.id] = record, await self._salesforce.owner(record)
            elif record.get(DELETED) == "true":
                gone.add(record.id)
            else:
                kept.append(record)
        # Before it is noted how far that was: what broke off is done again.
        if gone:
            await self._follower.follow(gone)
        followed = await self._follower.keeper.keep(kept, read_at) if kept else Kept()
        async with self._pool.connection() as connection:
            done = await self._take(connection, leads) if leads else 0
            await ledger.met(connection, SOURCE, mapping, met)
            await seen(connection)
        return done + followed.ended
