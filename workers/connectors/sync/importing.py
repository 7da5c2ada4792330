"""The first import: records that the CRM had before become leads of our book.

One that has an owner is somebody's already: it is known from then on (a second lead of the same person is a duplicate, its
changes come back), and nothing is started. One that nobody owns is left alone, or, if asked for, routed as a new one. How
a lead ended there is taken with it, also of one that we knew before.
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
from workers.connectors.sync import ending, ledger
from workers.connectors.sync.patience import patiently
from workers.connectors.sync.runs import Difference, Run, begun, save
from workers.connectors.sync.side import Ended, Outcome, Page, Side
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
    outcome: Outcome | None
    """How it ended before it was taken."""


TakeOwned = Callable[[AsyncConnection[DictRow], Sequence[Owned]], Awaitable[Mapping[str, str]]]
"""Takes them in the connection's transaction, each once; their lead ids, by the ids there."""
Route = Callable[[AsyncConnection[DictRow], Sequence[Mapping[str, Any]]], Awaitable[int]]  # Any: JSON
"""Takes leads in the connection's transaction and has them routed, each once; how many are new."""
Ours = Callable[[Mapping[str, Any]], bool]  # Any: JSON
"""Whether a lead, as it would come in, is for this installation."""
Progress = Callable[[Run], None]


class Import:
    """Of one account."""

    def __init__(self, side: Side, pool: Pool, take: TakeOwned, route: Route, ended: Ended, ours: Ours) -> None:
        self._side = side
        self._pool = pool
        self._take = take
        self._route = route
        self._ended = ended
        self._ours = ours

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
                    run.count("outcomes", sum(one.outcome is not None for _, one in owned))
                else:
                    lead_ids = await self._taken(run, owned, unowned) if owned or unowned else {}
                    await self._how_they_ended(run, page, lead_ids)
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
            elif not self._ours(mapping.lead_of(record)):
                run.count("of another region")
            elif self._side.ended(record):
                run.count("ended there")
            else:
                written = record.get(mapping.owner)
                if written not in people:
                    people[written] = await patiently(partial(system.owner, record))
                lead = _lead({**mapping.lead_of(record), "source": self._side.source, "channel": "crm"})
                outcome = self._side.outcome(record)
                if people[written] is None and outcome is not None:
                    run.count("ended there")
                elif people[written] is None:
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
                    owned.append((record, Owned(record.id, raw, lead, str(people[written]), created, outcome)))
        return owned, unowned

    async def _taken(
        self, run: Run, owned: Sequence[tuple[Record, Owned]], unowned: Sequence[Record]
    ) -> Mapping[str, str]:
        """Both sides know of each other afterwards; a repeat finds what was done. The owned ones' lead ids, by the ids there."""
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
        return lead_ids

    async def _how_they_ended(self, run: Run, page: Page, lead_ids: Mapping[str, str]) -> None:
        """Take the outcomes of a page, also of records that we knew before, unless they were read long ago: our book may have
        followed since. Those just taken came with theirs, of which the book has nothing more to say.
        """
        ours = self._side.system.mapping.kept.lead_id
        known = {} if page.snapshot else {lead_id: one for one in page.records if (lead_id := one.get(ours))}
        taken = {lead_ids[one.id]: one for one in page.records if one.id in lead_ids}
        held = {lead_id: one for lead_id, one in (known | taken).items() if self._side.outcome(one) is not None}
        async with self._pool.connection() as connection:
            entries = await ledger.read(connection, held)
            new = ending.words(self._side, entries, held)
            found = await ending.note(connection, self._side, self._ended, new, held)
        run.count("outcomes", len(found))
        run.found += [one for one in found if one.record_id not in lead_ids]


def _lead(raw: Mapping[str, Any]) -> Lead | None:
    """A lead without what can't be used; None: nothing is left by which somebody could be reached or named."""
    normalised = normalise(raw)
    wrong = {problem.field for problem in normalised.problems}
    lead = replace(normalised.lead, **dict.fromkeys(wrong, None))  # type: ignore[arg-type] # names of fields that may be None
    return lead if all(any(getattr(lead, name) for name in needed) for needed in _NEEDS) else None
