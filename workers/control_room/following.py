"""Keeps the read model close behind the engine: page after page, each with its cursor in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import psycopg
import structlog
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.exported import COUNTER_BITS, Kind, Page, RecordsUnavailable
from workers.control_room.projection import KINDS, moment_of, rows_of, write
from workers.runtime.database import Pool, outdated

log = structlog.get_logger()

RECORDS = Counter("fairlead_readmodel_records", "Records of the engine taken into the read model.", ["value_type"])
SKIPPED = Counter("fairlead_readmodel_skipped", "Numbers of records that never came, and were passed over.")
LAG = Gauge("fairlead_readmodel_lag_seconds", "Since when not all that the engine wrote has been read; 0: all has.")

PAUSE_SECONDS = 1.0
"""Between looks while there is nothing new; the exporter writes once a second."""
GAP_SECONDS = 60.0
"""So long a missing record is waited for before it counts as deleted."""

LOOK_ON_SECONDS = 10.0
"""Between looks for new partitions, and for what lies beyond a hole."""

TABLES = (
    "cursors", "processes", "instances", "elements", "element_days", "user_tasks", "incidents", "modifications", "jobs",
)  # fmt: skip
MADE = (
    "variants", "paths", "reworks", "deviations", "predictions", "lead_days", "lead_day_classes", "lead_days_made",
)  # fmt: skip
"""Made of the others by `settling` and `lead_days`, and by `workers.control_room.prediction`."""

_PASSED = """
    UPDATE control.cursors SET sequence = %(top)s, record_at = coalesce(%(at)s, record_at), read_at = clock_timestamp()
    WHERE value_type = %(value_type)s AND partition = %(partition)s AND sequence = %(since)s
"""

_ALL_READ = """
    UPDATE control.cursors SET read_at = clock_timestamp() WHERE value_type = %s AND partition = %s AND sequence = %s
"""

Place = tuple[Kind, int]
"""A kind of records and a partition."""


class Source(Protocol):
    """Where records are: `exported.ExportedRecords`."""

    async def partitions(self) -> list[int]:
        """Numbers of the partitions that have exported something."""

    async def after(self, cursors: Sequence[tuple[Kind, int, int]]) -> list[Page]:
        """The next page for each."""

    async def first_after(self, kind: Kind, partition: int, at: int) -> int | None:
        """The next number that is there at all."""


class Overtaken(Exception):
    """Another process read the same page, or the read model is being built anew."""


class Follower:
    """One round is `step`; `run` goes on until stopped. Of several, each page is written by one."""

    def __init__(self, pool: Pool, source: Source, *, gap_seconds: float = GAP_SECONDS) -> None:
        self._pool = pool
        self._source = source
        self._gap_seconds = gap_seconds
        self._gaps: dict[Place, float] = {}
        """Since when something is missing there (monotonic seconds)."""
        self._looked_on: dict[Place, float] = {}
        self._partitions: tuple[list[int], float] = ([], -LOOK_ON_SECONDS)
        self._caught_up = time.monotonic()
        self.missing: str | None = "not begun"
        """What keeps it from reading on; None: nothing."""

    async def run(self, stop: asyncio.Event) -> None:
        """Round after round; the engine's records and the database may come and go."""
        while not stop.is_set():
            more = False
            try:
                more = await self._round()
            except (RecordsUnavailable, psycopg.OperationalError) as error:
                self._misses(str(error) if isinstance(error, RecordsUnavailable) else "the database is away")
            except Overtaken:
                log.info("overtaken", action="readmodel_overtaken")
            behind = more or self._gaps or self.missing is not None
            LAG.set(time.monotonic() - self._caught_up if behind else 0.0)
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)

    async def step(self) -> bool:
        """Take in one page of each kind and partition; whether there may be more at once.

        Raises:
            RecordsUnavailable: the engine's records can't be read.
            Overtaken: somebody else reads as well.
            psycopg.OperationalError: the database is away.
        """
        cursors = await self._cursors()
        pages = await self._source.after([(*place, at) for place, at in cursors.items()])
        more = False
        for (place, at), page in zip(cursors.items(), pages, strict=True):
            more |= await self._take(place, at, page)
        if not more and not self._gaps:
            self._caught_up = time.monotonic()
        return more

    async def catch_up(self) -> None:
        """Step until nothing more is there. Raises as `step`, except that others may read as well."""
        more = True
        while more:
            with contextlib.suppress(Overtaken):
                more = await self.step()

    async def _round(self) -> bool:
        async with self._pool.connection() as connection:
            old = await outdated(connection)
        if old:
            self._misses("the schema is old: run `fairlead db upgrade`")
            return False
        more = await self.step()
        self._misses(None)
        return more

    async def _cursors(self) -> Mapping[Place, int]:
        partitions, looked = self._partitions
        if time.monotonic() - looked > LOOK_ON_SECONDS:
            partitions = await self._source.partitions()
            self._partitions = (partitions, time.monotonic())
        wanted = [(kind, partition) for partition in partitions for kind in KINDS]
        async with self._pool.connection() as connection:
            known = await _known(connection)
            if lacking := [
                at for at in ((kind.value_type, partition) for kind, partition in wanted) if at not in known
            ]:
                await connection.cursor().executemany(
                    "INSERT INTO control.cursors (value_type, partition, sequence) VALUES (%s, %s, %s)"
                    " ON CONFLICT DO NOTHING",
                    [(value_type, partition, partition << COUNTER_BITS) for value_type, partition in lacking],
                )
                known = await _known(connection)
        return {(kind, partition): known[kind.value_type, partition] for kind, partition in wanted}

    async def _take(self, place: Place, at: int, page: Page) -> bool:
        """Write a page; whether there may be more behind it."""
        if page.top == at:
            return await self._look_on(place, at)
        if page.missing and not self._waited(place):
            return False
        self._gaps.pop(place, None)
        async with self._pool.connection() as connection:
            await _pass(connection, place, at, page)
            await write(connection, rows_of(place[0], page.records))
        RECORDS.labels(place[0].value_type).inc(len(page.records))
        self._passed_over(place, page.missing)
        return page.full

    async def _look_on(self, place: Place, at: int) -> bool:
        """Nothing follows: look now and then whether there is something beyond a hole, and after a while go on there."""
        if (
            place not in self._gaps
            and time.monotonic() - self._looked_on.get(place, -LOOK_ON_SECONDS) < LOOK_ON_SECONDS
        ):
            return False
        self._looked_on[place] = time.monotonic()
        first = await self._source.first_after(*place, at)
        if first is None:
            self._gaps.pop(place, None)
            await self._all_read(place, at)
        elif first == at + 1:  # it came in between
            self._gaps.pop(place, None)
        elif self._waited(place):
            self._gaps.pop(place, None)
            async with self._pool.connection() as connection:
                await _pass(connection, place, at, Page((), first - 1, missing=0, full=True))
            self._passed_over(place, first - 1 - at)
        return False

    async def _all_read(self, place: Place, at: int) -> None:
        """Say that nothing was missing just now: who relies on what is not there wants to know."""
        kind, partition = place
        async with self._pool.connection() as connection:
            await connection.execute(_ALL_READ, (kind.value_type, partition, at))

    def _waited(self, place: Place) -> bool:
        """Whether what is missing there has been waited for long enough."""
        return time.monotonic() - self._gaps.setdefault(place, time.monotonic()) >= self._gap_seconds

    def _passed_over(self, place: Place, number: int) -> None:
        if number:
            SKIPPED.inc(number)
            log.warning(
                "records are missing", action="readmodel_skipped", value_type=place[0].value_type, partition=place[1],
                number=number, hint="They were deleted before they were read; their instances look unfinished.",
            )  # fmt: skip

    def _misses(self, what: str | None) -> None:
        if what != self.missing:
            if what is not None:
                log.warning("not reading", action="readmodel_waits", missing=what)
            else:
                log.info("reading", action="readmodel_reads")
        self.missing = what


async def _pass(connection: AsyncConnection[DictRow], place: Place, since: int, page: Page) -> None:
    at = moment_of(page.records[-1]) if page.records else None
    given = {"value_type": place[0].value_type, "partition": place[1], "since": since, "top": page.top, "at": at}
    if (await connection.execute(_PASSED, given)).rowcount != 1:
        raise Overtaken


async def forget(pool: Pool) -> None:
    """Empty the read model, so that it is read from the beginning again; safe while a follower runs."""
    async with pool.connection() as connection:
        await connection.execute(f"TRUNCATE {', '.join(f'control.{name}' for name in TABLES + MADE)}")


async def _known(connection: AsyncConnection[DictRow]) -> dict[tuple[str, int], int]:
    query = "SELECT value_type, partition, sequence FROM control.cursors"
    rows = await (await connection.execute(query)).fetchall()
    return {(str(row["value_type"]), int(row["partition"])): int(row["sequence"]) for row in rows}
