"""The comparison of both sides, record by record: what differs is made equal, by the rules of each field, and reported."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.records import Record
from workers.connectors.sync import ledger
from workers.connectors.sync.following import Follower
from workers.connectors.sync.importing import Ours, Progress, Route
from workers.connectors.sync.keeping import Kept
from workers.connectors.sync.patience import patiently
from workers.connectors.sync.runs import Difference, Run, begun, save
from workers.runtime.database import Pool

SETTLED = timedelta(minutes=10)
"""So long after it was made a record may still be on its way to us by itself."""

Outgoing = Callable[[AsyncConnection[DictRow], Sequence[str]], Awaitable[Sequence[Mapping[str, Any]]]]  # Any: JSON
"""Leads as the CRM would be told of them now; not those of which a change is among the dead letters."""
Resend = Callable[[AsyncConnection[DictRow], Sequence[str], int], Awaitable[set[str]]]
"""Sends leads to the CRM once more, in the connection's transaction, for a run; which were sent: not those of which a
change is among the dead letters.
"""


class Reconciliation:
    """Of one account."""

    def __init__(
        self, follower: Follower, pool: Pool, route: Route, outgoing: Outgoing, resend: Resend, ours: Ours
    ) -> None:
        self._follower = follower
        self._keeper = follower.keeper
        self._side = follower.keeper.side
        self._pool = pool
        self._route = route
        self._outgoing = outgoing
        self._resend = resend
        self._ours = ours

    async def run(self, *, repair: bool, progress: Progress = lambda run: None) -> Run:
        """Compare everything; with `repair` make it equal. A run that was killed is taken up again.

        Raises:
            Busy: another one is at work.
            SystemPause, SystemDown, SystemRefused: the CRM can't be asked; the next run goes on from here.
        """
        async with begun(self._pool, self._side.source, "reconcile", {"repair": repair}) as run:
            at: dict[str, Any] | None = run.cursor or {"part": "there", "after": None}
            while at is not None:
                at = await (self._there if at["part"] == "there" else self._here)(run, at["after"], repair=repair)
                run.cursor = at
                async with self._pool.connection() as connection:
                    await save(connection, run, finished=at is None)
                progress(run)
            return run

    async def _there(self, run: Run, after: str | None, *, repair: bool) -> dict[str, Any]:
        """A page of their records."""
        mapping = self._side.system.mapping
        read_at = await ledger.now(self._pool)
        page = await patiently(partial(self._side.page, after))
        held: dict[str, Record] = {}
        loose: list[Record] = []
        for record in page.records:
            lead_id = record.get(mapping.kept.lead_id)
            if lead_id is not None:
                held[lead_id] = record
            elif not self._ours(mapping.lead_of(record)):
                run.count("of another region")
            elif not self._side.ended(record) and self._side.outcome(record) is None:
                loose.append(record)
        run.count("records there", len(page.records))
        kept = await self._keeper.keep(held.values(), read_at, write=repair, snapshot=page.snapshot)
        if kept.stale:
            # What is gone by now is found among the leads that were not seen.
            read_at = await ledger.now(self._pool)
            read = await patiently(partial(self._side.read, kept.stale))
            anew = {record_id: one for record_id, one in read.items() if one.id == record_id}
            held = {lead_id: one for lead_id, one in held.items() if one.id not in kept.stale or one.id in anew}
            kept.add(await self._keeper.keep(anew.values(), read_at, write=repair))
        self._counted(run, kept)
        async with self._pool.connection() as connection:
            seen = await connection.execute(
                "UPDATE sync.records SET seen_run = %s WHERE lead_id = ANY(%s) AND system = %s RETURNING lead_id",
                (run.id, list(held), self._side.source),
            )
            known = {row["lead_id"] for row in await seen.fetchall()}
            ours = await connection.execute(
                "SELECT lead_id FROM routing.leads WHERE lead_id = ANY(%s)", (list(held.keys() - known),)
            )
            known |= {row["lead_id"] for row in await ours.fetchall()}
            for lead_id in sorted(held.keys() - known):
                if not self._ours(mapping.lead_of(held[lead_id])):
                    run.count("of another region")
                    continue
                run.count("only there")
                why = "it has the id of a lead that is not in our book; of another installation?"
                run.found.append(Difference("only there", lead_id, held[lead_id].id, (), why))
            await self._missed(connection, run, loose, repair=repair)
        if page.after is None:
            return {"part": "here", "after": ""}
        return {"part": "there", "after": page.after}

    async def _missed(
        self, connection: AsyncConnection[DictRow], run: Run, loose: Sequence[Record], *, repair: bool
    ) -> None:
        """Records that were made since we listen and did not come in: they are taken now."""
        mapping, since = self._side.system.mapping, await self._since(connection)
        if since is None:
            return
        made = {one.id: self._side.created(one) for one in loose}
        missed = [one for one in loose if (at := made[one.id]) is not None and since <= at < run.started_at - SETTLED]
        if not missed:
            return
        leads = [
            {"source": self._side.source, "external_id": one.id, "channel": "crm", **mapping.lead_of(one)}
            for one in missed
        ]
        there = await connection.execute(
            "SELECT external_id FROM routing.leads WHERE source = %s AND external_id = ANY(%s)",
            (self._side.source, [one.id for one in missed]),
        )
        known = {row["external_id"] for row in await there.fetchall()}
        new = [lead for lead in leads if lead["external_id"] not in known]
        if repair and new:
            await self._route(connection, new)
        run.count("only there", len(new))
        became = "taken as a new lead" if repair else "not repaired"
        run.found += [Difference("only there", None, str(one["external_id"]), (), became) for one in new]

    async def _since(self, connection: AsyncConnection[DictRow]) -> datetime | None:
        """Since when new records come in: when the first was taken that was not imported; None: none was yet."""
        cursor = await connection.execute(
            """
            SELECT min(t.at) AS since FROM routing.leads l JOIN runtime.timeline t
                ON t.business_id = l.lead_id AND t.action = 'received'
            WHERE l.source = %s
            """,
            (self._side.source,),
        )
        row = await cursor.fetchone()
        return row["since"] if row else None

    async def _here(self, run: Run, after: str, *, repair: bool) -> dict[str, Any] | None:
        """Leads of ours whose record was not among theirs, and leads that never arrived there."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT l.lead_id, s.record_id, l.owner_id FROM routing.leads l
                LEFT JOIN sync.records s ON s.lead_id = l.lead_id
                WHERE l.lead_id > %(after)s AND l.state IN ('registered', 'triage', 'queued', 'assigned', 'accepted', 'manager')
                  AND l.received_at < %(started)s AND l.converted IS NULL AND s.gone_at IS NULL
                  AND CASE WHEN s.lead_id IS NULL THEN l.state IN ('assigned', 'accepted')
                           ELSE s.system = %(system)s AND s.seen_run IS DISTINCT FROM %(run)s END
                ORDER BY l.lead_id LIMIT %(batch)s
                """,
                {
                    "after": after,
                    "started": run.started_at,
                    "system": self._side.source,
                    "run": run.id,
                    "batch": self._side.batch,
                },
            )
            rows = await cursor.fetchall()
        if not rows:
            return None
        known: Mapping[str, str] = {row["record_id"]: row["lead_id"] for row in rows if row["record_id"]}
        read_at = await ledger.now(self._pool)
        found = await patiently(partial(self._side.read, list(known))) if known else {}
        gone = known.keys() - {record_id for record_id, record in found.items() if record.id == record_id}
        if repair and gone:
            self._counted(run, await self._follower.follow(gone))
        still = [one for record_id, one in found.items() if record_id not in gone]
        self._counted(run, await self._keeper.keep(still, read_at, write=repair))
        lost = [row["lead_id"] for row in rows if not row["record_id"] or row["record_id"] not in found]
        await self._lost(run, lost, repair=repair)
        return {"part": "here", "after": rows[-1]["lead_id"]}

    async def _lost(self, run: Run, lead_ids: Sequence[str], *, repair: bool) -> None:
        """Leads without a record there, but for those that were deleted there for certain, which were followed."""
        async with self._pool.connection() as connection:
            entries = await ledger.read(connection, lead_ids)
            lost = [one for one in entries.values() if one.open and not one.gone and not one.under_way]
            again = [one.lead_id for one in lost if one.owner_id is not None]
            changes = await self._outgoing(connection, again) if repair and again else []
        made = await self._added(changes, run)
        async with self._pool.connection() as connection:
            left = [lead_id for lead_id in again if lead_id not in made]
            sent = await self._resend(connection, left, run.id) if repair and left else set()
        run.count("only here", len(lost))
        for one in lost:
            became = "sent once more" if one.lead_id in sent | made else "not repaired"
            run.found.append(Difference("only here", one.lead_id, one.record_id, (), became))

    async def _added(self, changes: Sequence[Mapping[str, Any]], run: Run) -> set[str]:
        """Which leads have a record by now, as many were made together."""
        made = await self._side.add([dict(one) for one in changes], run.id) if changes else {}
        owners = {str(one["lead_id"]): one["owner_id"] for one in changes}
        mapping = self._side.system.mapping
        for lead_id, record in made.items():
            await ledger.delivered(self._pool, self._side.source, mapping, lead_id, record, (owners[lead_id],))
        return set(made)

    def _counted(self, run: Run, kept: Kept) -> None:
        run.count("equal", kept.equal)
        run.count("left alone", kept.left)
        run.count("different", len({one.lead_id for one in kept.differences if one.kind == "different"}))
        run.count("gone there", sum(one.kind == "gone there" for one in kept.differences))
        run.count("outcomes", kept.ended)
        run.found += kept.differences
