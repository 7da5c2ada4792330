"""The first import: records that the CRM had before become leads of our book.

One that has an owner is somebody's already: it is known from then on (a second lead of the same person is a duplicate, its
changes come back), and nothing is started. One that nobody owns is left alone, or, if asked for, routed as a new one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.records import Record
from workers.connectors.sync import ledger
from workers.connectors.sync.keeping import Difference
from workers.connectors.sync.patience import patiently
from workers.connectors.sync.runs import Run, begun, save
from workers.connectors.sync.side import Side
from workers.lead_routing.domain.lead import Lead, normalise
from workers.runtime.database import Pool

_NEEDS = (("email", "phone"), ("name", "company"))


@dataclass(frozen=True, slots=True)
class Owned:
    """A record that somebody works on, as our book takes it."""

    external_id: str
    raw: Mapping[str, Any]  # Any: JSON
    lead: Lead
    owner_id: str
    created_at: datetime


TakeOwned = Callable[[AsyncConnection[DictRow], Sequence[Owned]], Awaitable[Mapping[str, str]]]
"""Takes them in the connection's transaction, each once; their lead ids, by the ids there."""
Route = Callable[[AsyncConnection[DictRow], Sequence[Mapping[str, Any]]], Awaitable[int]]  # Any: JSON
"""Takes leads in the connection's transaction and has them routed, each once; how many are new."""
Progress = Callable[[Run], None]


class Import:
    """Of one account."""

    def __init__(self, side: Side, pool: Pool, take: TakeOwned, route: Route) -> None:
        self._side = side
        self._pool = pool
        self._take = take
        self._route = route

    async def run(
        self, *, since: datetime | None, route: bool, dry: bool, progress: Progress = lambda run: None
    ) -> Run:
        """Take what was made since a moment, None: everything; what a run that was killed had done is not done again.

        Args:
            since: by the system's own stamps.
            route: whether records that nobody owns are routed.
            dry: nothing is written anywhere, only counted.
            progress: told after each page.

        Raises:
            Busy: another one is at work.
            SystemPause, SystemDown, SystemRefused: the CRM can't be asked; the next run goes on from here.
        """
        options = {"since": since.isoformat() if since else None, "route": route, "dry": dry}
        async with begun(self._pool, self._side.source, "import", options) as run:
            after = (run.cursor or {}).get("after")
            while True:
                page = await patiently(partial(self._side.page, after))
                owned, unowned = await self._sorted(run, page.records, since, route=route)
                if dry:
                    run.count("taken", len(owned))
                    run.count("routed", len(unowned))
                elif owned or unowned:
                    await self._taken(run, owned, unowned)
                after = page.after
                run.cursor = {"after": after}
                async with self._pool.connection() as connection:
                    await save(connection, run, finished=after is None)
                progress(run)
                if after is None:
                    return run

    async def _sorted(
        self, run: Run, records: Sequence[Record], since: datetime | None, *, route: bool
    ) -> tuple[list[tuple[Record, Owned]], list[Record]]:
        """Those that somebody owns, and those that are to be routed; the others are counted."""
        mapping, system = self._side.system.mapping, self._side.system
        owned, unowned = [], []
        people: dict[str | None, str | None] = {}
        for record in records:
            run.count("read")
            created = self._side.created(record) or datetime.now(UTC)
            if record.get(mapping.kept.lead_id) is not None:
                run.count("known before")
            elif since is not None and created < since:
                run.count("too old")
            elif self._side.ended(record):
                run.count("ended there")
            else:
                written = record.get(mapping.owner)
                if written not in people:
                    people[written] = await patiently(partial(system.owner, record))
                lead = _lead({**mapping.lead_of(record), "source": self._side.source, "channel": "crm"})
                if people[written] is None:
                    run.count("nobody's" if not route else "to be routed")
                    unowned += [record] if route else []
                elif lead is None:
                    run.count("unusable")
                    why = "no usable address or no name, so that it is no lead"
                    run.found.append(Difference("only there", None, record.id, (), why))
                else:
                    raw = {
                        "source": self._side.source,
                        "external_id": record.id,
                        "channel": "crm",
                        **mapping.lead_of(record),
                    }
                    owned.append((record, Owned(record.id, raw, lead, str(people[written]), created)))
        return owned, unowned

    async def _taken(self, run: Run, owned: Sequence[tuple[Record, Owned]], unowned: Sequence[Record]) -> None:
        """Both sides know of each other afterwards; a repeat finds what was done."""
        mapping = self._side.system.mapping
        async with self._pool.connection() as connection:
            lead_ids = await self._take(connection, [one for _, one in owned])
            leads = [
                {"source": self._side.source, "external_id": one.id, "channel": "crm", **mapping.lead_of(one)}
                for one in unowned
            ]
            run.count("routed", await self._route(connection, leads) if leads else 0)
            met: dict[str, tuple[Record, str | None]] = {record.id: (record, one.owner_id) for record, one in owned}
            met |= {record.id: (record, None) for record in unowned}
            await ledger.met(connection, self._side.source, mapping, met)
        kept = mapping.kept
        values = {there: {kept.lead_id: ours, kept.status: "accepted"} for there, ours in lead_ids.items()}
        faults = await patiently(partial(self._side.write, values)) if values else {}
        run.count("taken", len(values) - len(faults))
        run.count("not written", len(faults))
        for record_id, fault in faults.items():
            why = str(fault.raised("write the lead's id"))
            run.found.append(Difference("different", lead_ids[record_id], record_id, (kept.lead_id,), why))


def _lead(raw: Mapping[str, Any]) -> Lead | None:
    """A lead without what can't be used; None: nothing is left by which somebody could be reached or named."""
    normalised = normalise(raw)
    wrong = {problem.field for problem in normalised.problems}
    lead = replace(normalised.lead, **dict.fromkeys(wrong, None))  # type: ignore[arg-type] # names of fields that may be None
    return lead if all(any(getattr(lead, name) for name in needed) for needed in _NEEDS) else None
