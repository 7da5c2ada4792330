"""Salesforce tells which leads changed (Change Data Capture): they are read and taken as those that are looked for.

An event says that something changed and where, and no more is believed: the record itself is read, so that it does not
matter how often and in which order events come, and our own echo is no difference (ADR 28). How far the stream was taken is
kept in the transaction in which records are taken. Where events are missing, everything is compared. A look like that of who
only polls comes every few minutes behind all this, one after the other with the events, so that no older reading of a
record comes after a newer one.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.answers import SystemConflict, SystemDown, SystemPause, SystemRefused
from workers.connectors.outbound import AddressRefused
from workers.connectors.salesforce import changes
from workers.connectors.salesforce.changes import Change, Unreadable
from workers.connectors.salesforce.intake import LeadIntake
from workers.connectors.salesforce.mapping import FieldMapping
from workers.connectors.salesforce.pubsub import Batch, Event, PubSub, ReplayLost, SessionEnded
from workers.connectors.salesforce.read import CHANGED
from workers.connectors.salesforce.side import CONVERTED, PAGE, SOURCE, STATUS
from workers.connectors.sync import ledger
from workers.lead_routing.ports.crm import CrmDown, CrmResting
from workers.runtime import metrics
from workers.runtime.database import Pool, alone

log = structlog.get_logger()

BEHIND_SECONDS = 300.0
"""Between looks while Salesforce tells by itself."""
SILENT_SECONDS = 330.0
"""Salesforce says something every 270 s at least, if only that it is there; who hears nothing for longer begins anew."""
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""Before a stream that broke off is opened anew: exponential, with jitter; it starts again once something came."""

_OVERFLOW = "GAP_OVERFLOW"
_FAILURES = (SystemDown, SystemPause, SystemConflict, SystemRefused, CrmDown, AddressRefused)


class Listener:
    """Of one organisation and topic."""

    def __init__(
        self, bus: PubSub, intake: LeadIntake, mapping: FieldMapping, pool: Pool, *, topic: str, poll_seconds: float
    ) -> None:
        self._bus = bus
        self._intake = intake
        self._pool = pool
        self._topic = topic
        self._seconds = poll_seconds
        # Each change has a stamp, and what is ours alone changes by us.
        own = mapping.own | {"Id", CHANGED}
        self._relevant = frozenset((mapping.of_lead() | {STATUS, CONVERTED}) - own)
        self._schemas: dict[str, dict[str, object]] = {}
        self._looked = float("-inf")
        self._failed = 0
        metrics.from_zero(metrics.EVENTS_MISSED, [SOURCE])

    async def listen(self) -> int:
        """Listen until cancelled, if it is our turn; 0: another dispatcher does.

        Raises:
            psycopg.OperationalError: the database is away; it is begun anew.
        """
        async with alone(self._pool, f"fairlead {SOURCE} {self._topic}") as free:
            if not free:
                return 0
            try:
                while True:
                    await self._rest(await self._until_broken())
            finally:
                await self._bus.close()

    async def _until_broken(self) -> float:
        """Seconds to rest, once the stream broke off."""
        self._failed += 1
        seconds = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** (self._failed - 1))
        try:
            await self._look(0.0)  # what came while nobody listened
            stream = await self._intake.source() + self._topic
            await self._stream(stream)
        except SessionEnded as error:
            log.info("session renewed", action="salesforce_session_ended", reason=str(error))
            try:
                await self._bus.renew()
            except _FAILURES as refused:
                return self._broken(refused, seconds)
        except ReplayLost as error:
            await self._missed(stream, str(error))
        except _FAILURES as error:
            return self._broken(error, seconds)
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - not all at once

    def _broken(self, error: Exception, seconds: float) -> float:
        log.warning("no events of Salesforce", action="salesforce_stream_broken", reason=str(error))
        asked = error.retry_after if isinstance(error, SystemPause | CrmResting) else 0.0
        return max(asked, seconds * random.uniform(0.5, 1.0))  # noqa: S311 - not all at once

    async def _rest(self, seconds: float) -> None:
        """Wait, and look meanwhile as often as who has no events."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                await self._look(self._seconds)
            except CrmResting:  # which is what is waited for
                self._looked = time.monotonic()
            await asyncio.sleep(min(left, self._seconds))

    async def _look(self, every: float) -> None:
        if time.monotonic() - self._looked >= every:
            self._looked = time.monotonic()
            await self._intake.look(anyway=True)  # the turn is ours as long as we listen

    async def _stream(self, stream: str) -> None:
        source, after = stream.removesuffix(self._topic), await self._position(stream)
        async with self._bus.subscribed(self._topic, after) as subscription:
            heard, bridged = time.monotonic(), after is not None
            while True:
                batch = await subscription.next(max(0.0, min(
                    self._looked + BEHIND_SECONDS, heard + SILENT_SECONDS
                ) - time.monotonic()))  # fmt: skip
                if batch is not None:
                    heard, self._failed = time.monotonic(), 0
                    await self._take(stream, source, batch)
                    if not bridged:  # nothing tells of what came after the look and before the first place
                        bridged = True
                        await self._look(0.0)
                    if batch.events:
                        await subscription.more(len(batch.events))
                elif time.monotonic() - heard >= SILENT_SECONDS:
                    raise SystemDown(f"Salesforce's event bus said nothing for {SILENT_SECONDS:.0f} s.")
                await self._look(BEHIND_SECONDS)

    async def _take(self, stream: str, source: str, batch: Batch) -> None:
        """Take what events are about, and note how far that is."""
        ids, missed = await self._told(batch.events)
        place = batch.events[-1].replay_id if batch.events else batch.latest

        async def seen(connection: AsyncConnection[DictRow]) -> None:
            await _note(connection, stream, place or None, missed)

        if missed:
            _tell(stream, missed)
        ordered = sorted(ids)
        taken = 0
        for start in range(0, len(ordered), PAGE):
            read_at = await ledger.now(self._pool)
            page = await self._intake.read(source, ordered[start : start + PAGE])
            last = start + PAGE >= len(ordered)
            taken += await self._intake.take(page, read_at, seen if last else _nothing)
        if not ordered:
            async with self._pool.connection() as connection:
                await seen(connection)
        if taken:
            log.info("leads of Salesforce taken", action="salesforce_events_taken", number=taken)

    async def _told(self, events: Sequence[Event]) -> tuple[set[str], str | None]:
        """The ids of records that changed; and why others may have, that nothing tells."""
        ids, missed = set[str](), None
        for event in events:
            try:
                change = await self._read(event)
            except Unreadable as error:
                missed = str(error)
                continue
            if change.entity == "Lead" and change.kind == _OVERFLOW:
                missed = "a transaction with more than 100,000 changes, of which Salesforce does not tell the last"
            elif change.entity == "Lead" and change.touches(self._relevant):
                ids |= set(change.record_ids)
        return ids, missed

    async def _read(self, event: Event) -> Change:
        if event.schema_id not in self._schemas:
            try:
                self._schemas[event.schema_id] = changes.parsed(await self._bus.schema(event.schema_id))
            except SystemRefused as error:
                raise Unreadable("Salesforce does not know the schema of its own event") from error
        return changes.read(self._schemas[event.schema_id], event.payload)

    async def _position(self, stream: str) -> bytes | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute("SELECT replay_id FROM sync.streams WHERE stream = %s", (stream,))
            row = await cursor.fetchone()
        return row["replay_id"] if row else None

    async def _missed(self, stream: str, why: str) -> None:
        """The place is no place any more: what comes is taken from now on, and what is missing is found by comparing."""
        _tell(stream, why)
        async with self._pool.connection() as connection:
            await _note(connection, stream, None, why)
            await connection.execute("UPDATE sync.streams SET replay_id = NULL WHERE stream = %s", (stream,))


def _tell(stream: str, why: str) -> None:
    metrics.EVENTS_MISSED.labels(SOURCE).inc()
    log.warning("events are missing", action="salesforce_events_missed", stream=stream, reason=why)


async def _nothing(_connection: AsyncConnection[DictRow]) -> None:
    """Some records of a batch were taken, not all: the place stays where it was."""


async def _note(connection: AsyncConnection[DictRow], stream: str, place: bytes | None, missed: str | None) -> None:
    await connection.execute(
        """
        INSERT INTO sync.streams AS s (stream, system, replay_id, missed_at, missed)
        VALUES (%(stream)s, %(system)s, %(place)s, CASE WHEN %(missed)s::text IS NOT NULL THEN now() END, %(missed)s)
        ON CONFLICT (stream) DO UPDATE SET
            replay_id = coalesce(excluded.replay_id, s.replay_id), noted_at = now(),
            missed_at = coalesce(excluded.missed_at, s.missed_at), missed = coalesce(excluded.missed, s.missed)
        """,
        {"stream": stream, "system": SOURCE, "place": place, "missed": missed},
    )
