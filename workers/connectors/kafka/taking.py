"""Events that Kafka brings, one after the other of each partition and partitions side by side; each has its effect once.

An offset is committed when the event's effect, the message to the engine included, is in the database, whose outbox brings
it to the engine whatever dies meanwhile. A record that comes again is known by its event's id. One that can't be used is put
among the dead letters of its topic first. One that came before the lead that it is about waits in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import psycopg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from prometheus_client import Counter, Gauge
from pydantic import ValidationError

from workers.connectors.kafka import early
from workers.connectors.kafka.brokers import consumer, insisting, producer, rest
from workers.connectors.kafka.messages import Record, Unfit, event_again, told_of
from workers.gateway import told
from workers.gateway.contracts import faults
from workers.gateway.intake import OfAnotherRegion
from workers.runtime.database import Pool, outdated
from workers.runtime.housekeeping import beside
from workers.runtime.metrics import from_zero
from workers.settings import Settings

log = structlog.get_logger()

EVENTS = Counter("fairlead_events", "Events that Kafka brought, by what became of them.", ["topic", "became"])
LAG = Gauge("fairlead_events_lag", "Records of our partitions that were not taken yet.", ["topic", "partition"])

DEAD = "dead"
"""What became of an event that can't be used."""
DEAD_SUFFIX = ".dead-letters"
"""After a topic's name."""
WAIT_MS = 500
AT_ONCE = 200
DATABASE_PAUSE_SECONDS = 1.0
EARLY_SECONDS = 2.0
"""Between looks for events whose lead has come in."""


class Stopping(Exception):
    """We are to stop before this record is taken; it will come again."""


class Taker:
    """Lets records have their effect."""

    def __init__(self, settings: Settings, pool: Pool, stop: asyncio.Event) -> None:
        self._settings = settings
        self._pool = pool
        self._stop = stop
        self.missing: str | None = None
        """What it waits for; None: nothing."""

    async def take(self, record: Record) -> str:
        """Let a record have its effect; what became of it.

        Raises:
            Unfit: it can't be used, or there is a defect of ours in its way.
            Stopping: we are to stop, and the database is away.
        """
        event = told_of(record, self._settings.kafka.topics_in[record.topic])
        try:
            told.check_region(event, self._settings.regions)
            return await self._effect(event, record)
        except (Stopping, Unfit):
            raise
        except OfAnotherRegion as error:
            raise Unfit(str(error)) from None
        except Exception as error:
            log.exception("defect while an event was taken", action="events_defect", reason=type(error).__name__)
            name = type(error).__name__
            raise Unfit(f"A defect ({name}): deploy a corrected version, then replay it.") from error

    async def _effect(self, event: told.Told, record: Record) -> str:
        while True:
            try:
                async with self._pool.connection() as connection:
                    return await told.take(connection, event, ttl_seconds=self._settings.gateway.message_ttl_seconds)
            except ValidationError as error:
                wrong = "; ".join(f"{one.pointer} {one.detail}" for one in faults(error))
                raise Unfit(f"Its data are not those of {event.type}: {wrong}.") from None
            except told.TooEarly as error:
                try:
                    async with self._pool.connection() as connection:
                        await early.keep(connection, event, error.external_id, place_of(record))
                except psycopg.OperationalError:
                    await self._database_away()
                else:
                    return "early"
            except psycopg.OperationalError:
                await self._database_away()

    async def _database_away(self) -> None:
        self.missing = "the database"
        log.warning("waiting for the database", action="waiting_database")
        await rest(DATABASE_PAUSE_SECONDS, self._stop)
        if self._stop.is_set():
            raise Stopping
        self.missing = None


class Taking:
    """Takes what the topics bring, until `stop`. Several may run: the group parts the partitions among them."""

    def __init__(self, settings: Settings, pool: Pool, stop: asyncio.Event) -> None:
        self._settings = settings
        self._pool = pool
        self._kafka = settings.kafka
        self._stop = stop
        self._taker = Taker(settings, pool, stop)
        self._connected = False
        self._shown: set[TopicPartition] = set()
        """Partitions whose lag we tell."""
        from_zero(EVENTS, self._kafka.topics_in, [DEAD])

    @property
    def missing(self) -> str | None:
        """What keeps it from taking events; None: nothing."""
        return self._taker.missing if self._connected else "the brokers"

    async def run(self) -> None:
        """Until `stop`. Brokers and database may come later, and may go and come back; what is under way is finished.

        Raises:
            KafkaError: the brokers refuse us.
            NotConnected: no brokers are named, or the file of their authority can't be used.
        """
        kafka, stop = self._kafka, self._stop
        self._dead, source = producer(kafka), consumer(kafka, kafka.topics_in, group=kafka.group)
        try:
            async with beside(("early events", EARLY_SECONDS, self._early)):
                if await insisting("brokers away", self._dead.start, stop) and await insisting(
                    "brokers away", source.start, stop
                ):
                    self._connected = True
                    log.info("taking events", action="events_started", topics=", ".join(sorted(kafka.topics_in)))
                    while not stop.is_set():
                        await self._round(source)
        finally:
            await source.stop()
            await self._dead.stop()

    async def _round(self, source: AIOKafkaConsumer) -> None:
        found: Mapping[TopicPartition, Sequence[Record]] = await source.getmany(timeout_ms=WAIT_MS, max_records=AT_ONCE)
        # Side by side, as more processes would take them: only within a partition is there an order.
        done = await asyncio.gather(*(self._partition(source, *one) for one in found.items()), return_exceptions=True)
        for failed in done:
            if failed is not None:
                raise failed
        for place in source.assignment():
            if (top := source.highwater(place)) is not None:
                LAG.labels(place.topic, place.partition).set(max(top - await source.position(place), 0))
                self._shown.add(place)
        for lost in self._shown - source.assignment():  # whoever has it now tells its lag
            LAG.remove(lost.topic, lost.partition)
            self._shown.discard(lost)

    async def _partition(self, source: AIOKafkaConsumer, place: TopicPartition, records: Sequence[Record]) -> None:
        last = None
        try:
            for record in records:
                await self._take(record)
                last = record
        except Stopping:
            log.info("stopping in the middle of a batch", action="events_stopping")
        if last is not None:
            await self._commit(source, place, last.offset + 1)

    async def _take(self, record: Record) -> None:
        """Let a record have its effect, or put it among the dead letters. Raises `Stopping`."""
        try:
            became = await self._taker.take(record)
        except Unfit as error:
            became = DEAD
            await self._bury(record, str(error))
        EVENTS.labels(record.topic, became).inc()

    async def _commit(self, source: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
        """Without it the records come again and are known: so a failure is no reason to stop."""
        try:
            await source.commit({place: offset})
        except (CommitFailedError, IllegalStateError):
            log.info("the partition went to another process", action="events_moved", topic=place.topic)
        except KafkaError as error:
            log.warning("offset not committed", action="events_uncommitted", reason=type(error).__name__)

    async def _bury(self, record: Record, reason: str) -> None:
        headers = [*record.headers, ("fairlead-reason", reason.encode()), ("fairlead-place", place_of(record).encode())]
        await self._put_dead(record.topic, record.key, record.value, headers)
        log.error("event put among the dead letters", action="events_dead", place=place_of(record))

    async def _put_dead(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        async def put() -> None:
            await self._dead.send_and_wait(topic + DEAD_SUFFIX, value, key, headers=headers)

        if not await insisting("dead letter not written", put, self._stop):
            raise Stopping

    async def _early(self) -> int:
        """Events that waited for their lead: those whose lead has come in, and those that waited for too long."""
        async with self._pool.connection() as connection:
            if await outdated(connection):
                return 0
            done = await early.take_one(connection, ttl_seconds=self._settings.gateway.message_ttl_seconds)
        if done:
            return 1
        async with self._pool.connection() as connection:
            gone = await early.take_late(connection, hours=self._kafka.early_hours)
            if gone is None:
                return 0
            topic = gone.place.rsplit("/", 2)[0]
            reason = f"The lead that this is about did not come within {self._kafka.early_hours:g} h."
            message = event_again(gone.told)
            headers = [
                *message.headers.items(), ("fairlead-reason", reason.encode()), ("fairlead-place", gone.place.encode()),
            ]  # fmt: skip
            await self._put_dead(topic, None, message.value, headers)
        return 1


def place_of(record: Record) -> str:
    """Where a record stands: ``topic/partition/offset``."""
    return f"{record.topic}/{record.partition}/{record.offset}"
