"""Makes our book and the CRM say the same of leads: by each record that is said to have changed, or by all of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial

import structlog

from workers.connectors.people import NoOwner
from workers.connectors.records import Record
from workers.connectors.sync import ending, judging, ledger
from workers.connectors.sync.book import Connection, Following
from workers.connectors.sync.judging import Verdict
from workers.connectors.sync.ledger import Agreed, Entry
from workers.connectors.sync.patience import Patience
from workers.connectors.sync.runs import Difference
from workers.connectors.sync.side import Side
from workers.lead_routing.domain.lead import Lead
from workers.runtime.database import Pool

log = structlog.get_logger()

CHANNEL = "crm.conflict"
"""Among the dead letters: fields that both sides changed. Sent again, what the CRM says then is taken."""

ROUNDS = 3
"""So often a record is judged that people change there while we do."""
ROUND_SECONDS = 1.0
"""Before the next one: Salesforce tells changes apart by the second."""


@dataclass(slots=True)
class Kept:
    """What became of some records."""

    equal: int = 0
    left: int = 0
    """Leads that follow nothing any more, are not registered yet, or are being changed: by us or by people there."""
    differences: list[Difference] = field(default_factory=list)
    unsettled: set[str] = field(default_factory=set)
    """Ids of leads that are being changed, or of which changes of ours arrived meanwhile: to be looked at again."""
    stale: set[str] = field(default_factory=set)
    """Ids of records of a snapshot that differ: nothing was done, they are to be read anew."""

    @property
    def ended(self) -> int:
        """Of how many leads an outcome was new."""
        return sum(one.kind == "ended there" for one in self.differences)

    def add(self, other: Kept) -> None:
        """Count another part in."""
        self.equal += other.equal
        self.left += other.left
        self.differences += other.differences
        self.unsettled |= other.unsettled
        self.stale |= other.stale


class Keeper:
    """Of one account."""

    def __init__(self, side: Side, pool: Pool, following: Following, ask: Patience) -> None:
        self.side = side
        self.pool = pool
        self.following = following
        self.ask = ask
        self._mapping = side.system.mapping
        self._rules = judging.rules(self._mapping)

    async def keep(
        self,
        records: Iterable[Record],
        read_at: datetime,
        *,
        write: bool = True,
        only: frozenset[str] | None = None,
        snapshot: bool = False,
        rounds: int = ROUNDS,
    ) -> Kept:
        """Compare records that carry the id of a lead of ours, and make both sides equal; also take how leads ended there.

        `read_at`: `ledger.now` before they were read. What we wrote since is not in them: it would look as if a person had
        taken it back. `write` False: only say what differs. `only`: fields of which a person said that what the CRM says is taken.
        `snapshot`: the records were read long ago, as `side.Page.snapshot`; one that differs is only named (`Kept.stale`).
        What somebody changes there between our reading and writing is not overwritten: it is read and judged again, as often
        as `rounds` says, and then left for the next time (`Kept.unsettled`).

        Raises:
            SystemPause, SystemDown, SystemRefused: the CRM can't be asked; what our book took by then it keeps, and a
                repeat goes on from there.
        """
        held = {lead_id: one for one in records if (lead_id := one.get(self._mapping.kept.lead_id)) is not None}
        owners = await self._owners(held)
        kept, giving = Kept(), dict[str, tuple[Record, Verdict, bool]]()
        async with self.pool.connection() as connection:
            entries = await ledger.read(connection, held, read_at)
            ends = ending.words(self.side, entries, held)
            if snapshot:
                kept.stale |= {held[lead_id].id for lead_id in ends}
            agreed: list[Agreed] = []
            for lead_id, entry in entries.items():
                if held[lead_id].id in kept.stale:
                    continue
                one = _One(entry, held[lead_id], owners[lead_id])
                if entry.overtaken and snapshot:
                    kept.stale.add(one.record.id)
                    continue
                early = entry.under_way or entry.overtaken
                if entry.lead is None or not entry.open or early or self.side.ended(one.record):
                    kept.left += 1
                    if early or (entry.lead is None and entry.open):
                        kept.unsettled.add(lead_id)
                    continue
                verdict, noted = await self._judged(connection, one, kept, write=write, only=only, snapshot=snapshot)
                if noted is not None:
                    agreed.append(noted)
                owner = one.owner_is_ours_to_give and one.record.id not in kept.stale
                if write and (verdict.give or owner):
                    giving[lead_id] = one.record, verdict, owner
            if write:
                await ledger.note(connection, self.side.source, agreed)
            if not snapshot:
                took = self.following.ended
                kept.differences += await ending.note(connection, self.side, took, ends, held, write=write)
        meanwhile = await self._give(giving, entries, kept) if giving else set()
        if meanwhile and rounds > 1:
            await asyncio.sleep(ROUND_SECONDS)
            read_at = await ledger.now(self.pool)
            found = await self.ask(partial(self.side.read, meanwhile))
            anew = [one for record_id, one in found.items() if one.id == record_id]
            kept.add(await self.keep(anew, read_at, only=only, rounds=rounds - 1))
        elif meanwhile:
            kept.left += len(meanwhile)
            kept.unsettled |= {lead_id for lead_id, (record, _, _) in giving.items() if record.id in meanwhile}
        return kept

    async def _judged(
        self,
        connection: Connection,
        one: _One,
        kept: Kept,
        *,
        write: bool,
        only: frozenset[str] | None,
        snapshot: bool,
    ) -> tuple[Verdict, Agreed | None]:
        entry, record, lead = one.entry, one.record, one.lead
        there, unusable = judging.theirs(self._mapping, record)
        here = judging.ours(self._mapping, asdict(lead))
        digest = judging.digest(there, one.owner)
        if digest == entry.digest == judging.digest(here, entry.owner_id) and entry.record_id == record.id:
            kept.equal += 1
            return Verdict(), None
        changed = self.side.changed(record)
        newer = changed is None or changed > entry.changed_at
        verdict = judging.judge(self._rules, entry.base, here, there, unusable=unusable, theirs_newer=newer)
        if only is not None:  # a person said so
            verdict.take |= {name: theirs for name, (_, theirs) in verdict.ask.items() if name in only}
            verdict.ask = {name: both for name, both in verdict.ask.items() if name not in only}
        by_hand = one.given_by_hand
        if snapshot and (verdict.different or unusable or by_hand or one.owner_is_ours_to_give):
            kept.stale.add(record.id)
            return Verdict(), None
        if write:
            if verdict.take:
                await self.following.change(connection, entry.lead_id, lead, verdict.take)
            if verdict.ask:
                await self._ask(connection, one, verdict)
            if by_hand and one.owner is not None:
                await self.following.take_over(connection, entry.lead_id, one.owner, entry.state)
        gives = verdict.give or one.owner_is_ours_to_give
        fields, became = self._said(one, verdict, unusable, gives=bool(gives) and not write)
        if fields:
            kept.differences.append(self._different(one, fields, became))
        elif not gives:
            kept.equal += 1
        equal = not verdict.give and not verdict.ask and not unusable and (one.owner == entry.owner_id or by_hand)
        base = {**verdict.agreed, **verdict.take}
        # A decision that the lead's process has yet to carry out is seen again until it has.
        waits = one.owner_is_ours_to_give or (by_hand and entry.state != "accepted")
        seen = None if waits else (one.owner,)
        return verdict, Agreed(entry.lead_id, record.id, base, seen, digest if equal else None)

    def _said(self, one: _One, verdict: Verdict, unusable: frozenset[str], *, gives: bool) -> tuple[set[str], str]:
        """What differs, and what becomes of it here; `gives`: also what would be written there."""
        said: list[tuple[set[str], str]] = [
            (set(verdict.take), "ours follows"),
            (set(verdict.ask), "a person decides"),
            (set(unusable), f"unusable there: {', '.join(sorted(unusable))}"),
            ({"owner"} if one.given_by_hand else set(), "the new owner is taken"),
        ]
        if gives:
            ours = {*verdict.give, *(["owner"] if one.owner_is_ours_to_give else [])}
            said.append((ours, f"{self.side.title} follows"))
        return {name for names, _ in said for name in names}, "; ".join(became for names, became in said if names)

    async def _ask(self, connection: Connection, one: _One, verdict: Verdict) -> None:
        names = sorted(verdict.ask)
        said = json.dumps([names, [verdict.ask[name] for name in names]], ensure_ascii=False)
        which = hashlib.sha256(said.encode()).hexdigest()[:16]
        why = (
            f"Both sides changed {', '.join(names)} since they last agreed. Send it again, and what {self.side.title} says "
            f"then is taken: if ours is right, correct it there first. Skip it, and both stay as they are."
        )
        lead_id, payload = one.entry.lead_id, {"record_id": one.record.id, "fields": names}
        if await ledger.waits_for_a_person(connection, CHANNEL, f"{lead_id}:{which}", lead_id, payload, why):
            await self.following.note(
                connection, lead_id, "conflict", f"Both sides changed {', '.join(names)}.", fields=names
            )

    async def _give(
        self, giving: Mapping[str, tuple[Record, Verdict, bool]], entries: Mapping[str, Entry], kept: Kept
    ) -> set[str]:
        """Write what is newer here; ids of records that were not written, as somebody changed them since they were read.
        Repeated after a failure it writes the same.
        """
        values: dict[str, dict[str, str]] = {}
        refused: dict[str, str] = {}
        for lead_id, (record, verdict, owner) in giving.items():
            written = judging.properties(self._mapping, verdict.give)
            if owner:
                person = entries[lead_id].owner_id
                try:
                    asked = partial(self.side.system.owners.owner_id, self.side.system.client, person)
                    written[self._mapping.owner] = await self.ask(asked)
                except NoOwner as error:
                    refused[lead_id] = str(error)
            if written:
                values[record.id] = written
        read = {record.id: record for record, _, _ in giving.values()}
        faults = await self.ask(partial(self.side.write, values, read)) if values else {}
        meanwhile = {record_id for record_id, fault in faults.items() if fault.meanwhile}
        done: list[Agreed] = []
        for lead_id, (record, verdict, owner) in giving.items():
            names = {*verdict.give, *(["owner"] if owner else [])}
            one = _One(entries[lead_id], record, None)
            if record.id in meanwhile:
                continue
            if record.id in faults:
                refused[lead_id] = str(faults[record.id].raised("write the lead"))
            if lead_id in refused:
                kept.differences.append(self._different(one, names, f"not written: {refused[lead_id]}"))
                continue
            kept.differences.append(self._different(one, names, f"{self.side.title} follows"))
            done.append(Agreed(lead_id, record.id, verdict.give, (entries[lead_id].owner_id,) if owner else None))
        async with self.pool.connection() as connection:
            await ledger.note(connection, self.side.source, done)
        return meanwhile

    async def _owners(self, held: Mapping[str, Record]) -> dict[str, str | None]:
        """Whose each record is; many are one person's."""
        people: dict[str | None, str | None] = {}
        for record in held.values():
            if record.get(self._mapping.owner) not in people:
                people[record.get(self._mapping.owner)] = await self.ask(partial(self.side.system.owner, record))
        return {lead_id: people[record.get(self._mapping.owner)] for lead_id, record in held.items()}

    def _different(self, one: _One, fields: Iterable[str], became: str) -> Difference:
        return Difference("different", one.entry.lead_id, one.record.id, tuple(sorted(fields)), became)


@dataclass(frozen=True, slots=True)
class _One:
    """A lead, its record, and whose that is, as lead routing knows the person."""

    entry: Entry
    record: Record
    owner: str | None

    @property
    def lead(self) -> Lead:
        assert self.entry.lead is not None  # looked at before
        return self.entry.lead

    @property
    def given_by_hand(self) -> bool:
        """Whether somebody there gave it to somebody else than we did. Nobody as its owner is no such decision."""
        entry = self.entry
        moved = entry.owner_known and self.owner not in {entry.owner_there, entry.owner_id}
        return moved and self.owner is not None

    @property
    def owner_is_ours_to_give(self) -> bool:
        """Whether the record lacks the owner that it was to get from us. One that was just booked it gets from the process,
        which notes whose it was before.
        """
        entry = self.entry
        if entry.just_assigned or entry.state not in {"assigned", "accepted"}:
            return False
        if entry.owner_id is None or self.owner == entry.owner_id:
            return False
        return entry.owner_known and (self.owner is None or self.owner == entry.owner_there)
