"""The figures of the page Operations: what stopped, what waits, and how fast the work goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.reading import read_rows
from workers.control_room.today import LISTED
from workers.runtime.presence import LATE_SECONDS

RECENT = timedelta(minutes=10)
"""Throughput is of the last so much time."""
LOOKED_BACK = timedelta(hours=24)
"""And latencies of so much."""

_INCIDENTS = """
    SELECT f.*, p.names->>f.element AS called, coalesce(control.case_of(f.instance_key), '') AS business_id,
           count(*) OVER () AS total
    FROM control.incidents f LEFT JOIN control.processes p ON p.key = f.process_key
    WHERE f.resolved_at IS NULL AND f.raised_at IS NOT NULL
      AND (%(keys)s::bigint[] IS NULL OR f.key = ANY (%(keys)s))
    ORDER BY f.raised_at, f.key LIMIT %(most)s
"""
_OUTBOX = """
    SELECT channel, count(*) AS rows, min(created_at) AS oldest, count(*) FILTER (WHERE tries > 0) AS tried,
           extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS age
    FROM runtime.outbox GROUP BY channel ORDER BY channel
"""
# Jobs are the elements that a worker serves: waiting since they began, done when they end. Names are looked up last: sorted
# with every job they would not fit into memory.
_WORK = """
    SELECT w.*, (SELECT n.names->>w.element FROM control.processes n WHERE n.process = w.process AND n.names ? w.element
                 ORDER BY n.version DESC LIMIT 1) AS called,
           (SELECT count(*) FROM control.jobs j JOIN control.elements o ON o.key = j.element_key AND o.ended_at IS NULL
            WHERE j.waits_until IS NOT NULL AND j.process = w.process AND j.element = w.element) AS again
    FROM (
    SELECT p.process, e.element, min(p.version) AS first, max(p.version) AS newest,
           count(*) FILTER (WHERE ended_at IS NULL) AS waiting,
           extract(epoch FROM clock_timestamp() - min(started_at) FILTER (WHERE ended_at IS NULL))::float8 AS oldest,
           count(*) FILTER (WHERE started_at >= %(recent)s) AS came,
           count(*) FILTER (WHERE completed AND ended_at >= %(recent)s) AS done,
           count(*) FILTER (WHERE completed) AS completed,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at))
               FILTER (WHERE completed) AS latency
    FROM control.elements e JOIN control.processes p ON p.key = e.process_key
    WHERE kind IN ('SERVICE_TASK', 'SEND_TASK', 'SCRIPT_TASK', 'BUSINESS_RULE_TASK')
      AND (started_at >= %(back)s OR ended_at IS NULL)
    GROUP BY p.process, e.element) AS w
    ORDER BY waiting DESC, completed DESC, process, element
"""
_PROGRAMS = """
    SELECT *, seen_at < clock_timestamp() - make_interval(secs => %(late)s) AS silent,
           ARRAY(SELECT name FROM jsonb_each_text(breakers) AS b (name, state) WHERE state <> 'closed' ORDER BY name)
               AS left_alone
    FROM runtime.programs ORDER BY silent DESC, role, tasks, started_at
"""
_CURSORS = """
    SELECT value_type, max(record_at) AS record_at, max(read_at) AS read_at FROM control.cursors
    GROUP BY value_type ORDER BY value_type
"""


@dataclass(frozen=True, slots=True)
class Work:
    """Jobs at one element of a process, of all its versions."""

    process: str
    element: str
    name: str | None
    """In a diagram, if it has one."""
    versions: tuple[int, int]
    """The oldest and the newest of the process that had such jobs lately."""
    waiting: int
    again: int
    """Of them those that failed and wait to be tried again."""
    oldest: float | None
    """Age in seconds of the one that waits longest."""
    per_minute: float
    latency: tuple[float, float, float] | None
    """p50, p95 and p99 in seconds, from job to completion."""
    drain: float | None
    """In how many seconds those that wait are done, at the present rates; None: they become more, or none wait."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Everything of the page that only has to be read."""

    incidents: tuple[DictRow, ...]
    number: int
    outbox: tuple[DictRow, ...]
    work: tuple[Work, ...]
    cursors: tuple[DictRow, ...]
    programs: tuple[DictRow, ...]
    """Processes that serve tasks or send, those first that are not heard of (`silent`); `left_alone` are the dependencies
    whose circuit breaker is not closed there."""


async def read(connection: AsyncConnection[DictRow], now: datetime) -> Backlog:
    """What stopped and what waits."""
    found = await incidents(connection)
    given = {"recent": now - RECENT, "back": now - LOOKED_BACK}
    return Backlog(
        found,
        found[0]["total"] if found else 0,
        tuple(await read_rows(connection, _OUTBOX, {})),
        tuple(_work(row) for row in await read_rows(connection, _WORK, given)),
        tuple(await read_rows(connection, _CURSORS, {})),
        tuple(await read_rows(connection, _PROGRAMS, {"late": LATE_SECONDS})),
    )


async def incidents(connection: AsyncConnection[DictRow], keys: frozenset[int] | None = None) -> tuple[DictRow, ...]:
    """Incidents that wait, the oldest first; with `keys` only those."""
    given = {"keys": None if keys is None else sorted(keys), "most": LISTED if keys is None else len(keys)}
    return tuple(await read_rows(connection, _INCIDENTS, given))


def _work(row: DictRow) -> Work:
    seconds = RECENT.total_seconds()
    net = (row["done"] - row["came"]) / seconds
    # What came and waits is in both rates: what is done beyond what comes drains the queue.
    drain = row["waiting"] / net if row["waiting"] and net > 0 else None
    latency = tuple(row["latency"]) if row["latency"] else None
    return Work(
        row["process"], row["element"], row["called"], (row["first"], row["newest"]), row["waiting"], row["again"], row["oldest"], 60 * row["done"] / seconds, latency, drain
    )  # fmt: skip
