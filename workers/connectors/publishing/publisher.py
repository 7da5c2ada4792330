"""A version put into many records of another system as one change: all of it, or nothing.

No such system has a transaction over all its records, so each step is noted before it is done (`ledger`). First all records are
looked at: what they say now is kept, and one that is not there, or a value that can't be written there, refuses the whole before
anything was written. Then they are written, batch by batch; each is read again just before, and what somebody changed since we
looked refuses the whole too. Whatever is refused is given back at once.

Giving back reads each record first: where it still says what we wrote, it gets what stood there before; where it says something
else, somebody changed it, and it stays. Whoever is killed is followed by a repeat, which goes on by the same notes: a record
that was on its way is read, and what it says tells whether it had arrived.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from time import monotonic
from typing import Any, TypeVar

import structlog

from workers.connectors.answers import SystemConflict
from workers.connectors.leads import System
from workers.connectors.publishing.ledger import Change, Entry, Ledger
from workers.connectors.publishing.records import Found, Records, Values
from workers.office.outside_targets import Wanted
from workers.office.publication import Word
from workers.runtime.database import Pool, alone
from workers.runtime.errors import PermanentError, RateLimited, TransientError

log = structlog.get_logger()

Translate = Callable[[Wanted], Awaitable[Mapping[str, Values]]]
"""What is published → what each record is to say; raises PermanentError if that can't be said there."""

TURN_SECONDS = 20.0
"""After which a delivery leaves the rest to the next one, which follows at once; the dispatcher would end it after 30 s."""
LOCK_TRIES = 4
"""How often records are sent in one delivery that somebody else has in hand there."""
BUSY_SECONDS = 2.0
SHOWN = 5

T = TypeVar("T")


class NotTaken(PermanentError):
    """The system can't take the version as it is; the message says why."""


class Waits(TransientError):
    """Another change of the same records comes first."""


class NotGivenBack(PermanentError):
    """The system does not let us put back what stood there before; the message says where."""


class Publisher:
    """`OutsideTarget` on the records of another system."""

    def __init__(
        self,
        system: System[Any, Any],  # Any: whichever system it is
        records: Records,
        ledger: Ledger,
        pool: Pool,
        translate: Translate,
        *,
        place: str,
        strict: bool = True,
    ) -> None:
        """`place`: what nobody else may write meanwhile, with the organisation: ``salesforce owners``. If not `strict`, a record
        that is not there, or is refused, is left out, and what somebody wrote into our fields is written over.
        """
        self._system = system
        self._records = records
        self._ledger = ledger
        self._pool = pool
        self._translate = translate
        self._place = place
        self._strict = strict

    async def put(self, change_id: str, scope: str, version: str, wanted: Wanted) -> Word:
        """See `OutsideTarget.put`."""
        async with self._alone(scope) as check_time:
            change = await self._ledger.change(change_id) or await self._begin(change_id, scope, version)
            if change.state in {"looking", "writing"}:
                try:
                    if change.state == "looking":
                        await self._look(change, wanted, check_time)
                    await self._write(change, check_time)
                    await self._ledger.move(change_id, "delivered", settled=True)
                except PermanentError as error:
                    await self._ledger.move(change_id, "refused", why=str(error))
            return await self._settled(change_id, scope, check_time)

    async def take_back(self, change_id: str, scope: str) -> Word:
        """See `OutsideTarget.take_back`."""
        async with self._alone(scope) as check_time:
            if other := await self._ledger.unsettled(scope, but=change_id):
                raise Waits(f"It waits for the change {other.change_id}, which is not done with.")
            await self._ledger.undo(change_id, scope)
            word = await self._settled(change_id, scope, check_time)
        return Word("restored", word.why, word.in_use, word.former)

    async def _begin(self, change_id: str, scope: str, version: str) -> Change:
        before = await self._ledger.unsettled(scope, but=change_id)
        # What that may still write would look like somebody else's.
        refusal = before and (
            f"the change {before.change_id} before it is not done with: see `fairlead ops stuck` and the dead letters, then "
            "try again"
        )
        return await self._ledger.begin(change_id, scope, version, refusal or "")

    async def _settled(self, change_id: str, scope: str, check_time: Callable[[], None]) -> Word:
        """Give back what is to be given back; what is to be told then."""
        change = await self._ledger.change(change_id)
        assert change is not None  # whoever calls has begun it
        if not change.settled:
            await self._ledger.pass_on(change)
            left = await self._give_back(change, check_time)
            why = "; ".join(part for part in (change.why, left) if part)
            await self._ledger.move(change_id, change.state, settled=True, why=why)
            log.info("taken back", action="publication_taken_back", change=change_id, why=why)
        change = await self._ledger.change(change_id)
        assert change is not None  # see above
        in_use = await self._ledger.in_use(scope)
        former = await self._ledger.in_use(scope, before=change.id)
        if change.state == "undone":
            why = change.why or ("" if in_use == former else "a newer version stays")
            return Word("restored", why, in_use, former)
        return Word("delivered" if change.state == "delivered" else "refused", change.why, in_use, former)

    async def _look(self, change: Change, wanted: Wanted, check_time: Callable[[], None]) -> None:
        values = await self._asked(self._translate(wanted))
        rest = sorted(values.keys() - await self._ledger.subjects(change.change_id))
        for part in _batches(rest, self._records.batch):
            check_time()
            found = await self._asked(self._records.find(part))
            unknown = [one for one in part if one not in found]
            if unknown and self._strict:
                raise NotTaken(f"it does not know {shown(unknown)}")
            await self._ledger.plan(
                change.change_id,
                [
                    (one, found[one], values[one], "same" if self._records.say(found[one], values[one]) else "planned")
                    for one in part
                    if one in found
                ],
            )
        if twins := await self._ledger.twins(change.change_id):
            raise NotTaken(f"{shown(twins)} are the same record there")
        await self._ledger.move(change.change_id, "writing")

    async def _write(self, change: Change, check_time: Callable[[], None]) -> None:
        for part in _batches(await self._ledger.entries(change.change_id, ("planned", "sent")), self._records.batch):
            check_time()
            found = await self._asked(self._records.read([one.record_id for one in part]))
            arrived, due, changed = self._sorted(part, found, lambda one: one.new, lambda one: one.old)
            ours = {one.subject for one in arrived if one.state == "sent"}
            await self._ledger.mark(change.change_id, ours, "written")
            await self._ledger.mark(change.change_id, {one.subject for one in arrived} - ours, "same")
            if not self._strict:
                due += [one for one in changed if one.record_id in found]
                await self._ledger.mark(
                    change.change_id, [one.subject for one in changed if one.record_id not in found], "left"
                )
            elif changed:
                raise NotTaken(f"somebody changed {shown([one.subject for one in changed])} there meanwhile")
            await self._ledger.mark(change.change_id, [one.subject for one in due], "sent")
            wrong = await self._send({one.record_id: (one.new, one.parent) for one in due})
            await self._ledger.mark(
                change.change_id, [one.subject for one in due if one.record_id not in wrong], "written"
            )
            refused = {
                one.subject: wrong[one.record_id] for one in due if isinstance(wrong.get(one.record_id), PermanentError)
            }
            if refused and self._strict:
                raise NotTaken(f"{shown(sorted(refused))}: {next(iter(refused.values()))}")
            if refused:
                why = str(next(iter(refused.values())))
                log.warning("not written", action="publication_left_out", records=shown(sorted(refused)), why=why)
                await self._ledger.mark(change.change_id, refused, "left")
            again = [error for error in wrong.values() if not isinstance(error, PermanentError)]
            if again:
                raise again[0]

    async def _give_back(self, change: Change, check_time: Callable[[], None]) -> str:
        """What is to be said of records that stay as they are."""
        refused: dict[str, Exception] = {}
        for part in _batches(await self._ledger.entries(change.change_id, ("sent", "written")), self._records.batch):
            check_time()
            found = await self._asked(self._records.read([one.record_id for one in part]))
            arrived, due, changed = self._sorted(part, found, lambda one: one.old, lambda one: one.new)
            await self._ledger.mark(change.change_id, [one.subject for one in arrived], "restored")
            await self._ledger.mark(change.change_id, [one.subject for one in changed], "left")
            wrong = await self._send({one.record_id: (one.old, one.parent) for one in due})
            await self._ledger.mark(
                change.change_id, [one.subject for one in due if one.record_id not in wrong], "restored"
            )
            for one in due:
                error = wrong.get(one.record_id)
                if isinstance(error, PermanentError):
                    refused[one.subject] = error
                elif error is not None:
                    raise error
        if refused:
            raise NotGivenBack(
                f"What {shown(sorted(refused))} had before can't be put back: {next(iter(refused.values()))} Mend that and "
                "send this again, or put it back there by hand and drop this."
            )
        left = [one.subject for one in await self._ledger.entries(change.change_id, ("left",))]
        return f"{shown(left)} stayed as it is, as somebody changed it since" if left else ""

    def _sorted(
        self,
        part: Sequence[Entry],
        found: Mapping[str, Found],
        to_be: Callable[[Entry], Values],
        was: Callable[[Entry], Values],
    ) -> tuple[list[Entry], list[Entry], list[Entry]]:
        """Entries whose record says what it is to say, says what it said before, and says something else or is gone."""
        arrived, due, changed = list[Entry](), list[Entry](), list[Entry]()
        for one in part:
            record = found.get(one.record_id)
            if record is None:
                changed.append(one)
            elif self._records.say(record, to_be(one)):
                arrived.append(one)
            else:
                (due if self._records.say(record, was(one)) else changed).append(one)
        return arrived, due, changed

    async def _send(self, values: Mapping[str, tuple[Values, str]]) -> Mapping[str, Exception]:
        """Write records; what somebody has in hand there is tried again with full jitter (AWS, Brooker 2015)."""
        wrong: dict[str, Exception] = {}
        left = dict(values)
        for tried in range(1, LOCK_TRIES + 1):
            said = await self._asked(self._records.write(left)) if left else {}
            wrong = {one: error for one, error in wrong.items() if one not in left} | dict(said)
            left = {one: left[one] for one, error in said.items() if isinstance(error, SystemConflict)}
            if not left or tried == LOCK_TRIES:
                break
            await asyncio.sleep(random.uniform(0, 0.1 * 2**tried))  # noqa: S311 - not all at once
        return wrong

    async def _asked(self, call: Awaitable[T]) -> T:
        # Each by itself: between the failures of a long delivery the system did answer.
        async with self._system.asked():
            return await call

    @asynccontextmanager
    async def _alone(self, scope: str) -> AsyncIterator[Callable[[], None]]:
        """Nobody else writes for this organisation meanwhile; what is given ends a turn that has become too long.

        Raises:
            RateLimited: somebody else does, or there is more to do; no try is used up.
        """
        until = monotonic() + TURN_SECONDS

        def check_time() -> None:
            if monotonic() > until:
                raise RateLimited("There is more to write than fits into one delivery; it goes on.", retry_after=0.0)

        async with alone(self._pool, f"fairlead publishing {self._place} {scope}") as free:
            if not free:
                raise RateLimited("Another change of the same records is being written.", retry_after=BUSY_SECONDS)
            yield check_time


def _batches(given: Collection[T], size: int) -> Iterator[list[T]]:
    rest = iter(given)
    while part := list(islice(rest, size)):
        yield part


def shown(names: Sequence[str]) -> str:
    """The first `SHOWN` names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
