"""The figures of the page Processes: how often, how long, and where it jams, by process, version and element."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.diagrams import read_diagram
from workers.control_room.kpis import Scope
from workers.control_room.reading import read_rows
from workers.control_room.today import LISTED

Measure = Literal["frequency", "duration", "incidents", "sla", "compensation"]
MEASURES: dict[Measure, tuple[str, str]] = {
    "frequency": ("Frequency", "Begun so often"),
    "duration": ("Duration, median and p95", "Median duration"),
    "incidents": ("Incidents, number and rate", "Incidents per time begun"),
    "sla": ("SLA breaches", "Share of tasks that ran over their due time"),
    "compensation": ("Compensation", "Share of completed activities that were undone"),
}
"""What an overlay may show: its name, and what its legend says."""
SHARES: tuple[Measure, ...] = ("incidents", "sla", "compensation")
"""Measures that are shares; there may be more incidents than times begun."""

CLASSES = 5
"""Shades of an overlay."""

CONTAINERS = ("SUB_PROCESS", "EVENT_SUB_PROCESS", "MULTI_INSTANCE_BODY", "CALL_ACTIVITY")
"""Kinds whose time is that of the elements inside."""

_OVERVIEW = """
    SELECT p.process, p.version, p.version_tag, p.deployed_at, p.key, coalesce(i.started, 0) AS started,
           coalesce(i.completed, 0) AS completed, coalesce(i.forced, 0) AS forced, i.p50, i.p95,
           (SELECT count(*) FROM control.instances o WHERE o.process_key = p.key AND o.ended_at IS NULL) AS running,
           (SELECT count(*) FROM control.incidents f WHERE f.process_key = p.key AND f.resolved_at IS NULL) AS incidents
    FROM control.processes p
    LEFT JOIN (
        SELECT process_key, count(*) AS started, count(*) FILTER (WHERE completed) AS completed,
               count(*) FILTER (WHERE completed IS FALSE) AS forced,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY date_part('epoch', ended_at - started_at)) AS p50,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY date_part('epoch', ended_at - started_at)) AS p95
        FROM control.instances WHERE started_at >= %(since)s AND started_at < %(until)s GROUP BY process_key
    ) AS i ON i.process_key = p.key
    ORDER BY p.process, p.version DESC
"""
_ELEMENTS = """
    SELECT e.element, e.kind, count(*) AS started, count(*) FILTER (WHERE e.ended_at IS NULL) AS running,
           count(*) FILTER (WHERE e.completed IS FALSE) AS forced,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY date_part('epoch', e.ended_at - e.started_at)) AS p50,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY date_part('epoch', e.ended_at - e.started_at)) AS p95,
           coalesce(sum(date_part('epoch', e.ended_at - e.started_at)), 0)::float8 AS seconds
    FROM control.elements e
    WHERE e.process_key = %(key)s AND e.started_at >= %(since)s AND e.started_at < %(until)s
    GROUP BY e.element, e.kind
"""
_ELEMENTS_BY_DAY = """
    WITH classes AS (
        SELECT element, kind, class, sum(number) AS number, sum(forced) AS forced, sum(milliseconds) AS milliseconds
        FROM control.element_days
        WHERE process_key = %(key)s AND day >= (%(since)s AT TIME ZONE 'UTC')::date GROUP BY element, kind, class
    ), ranked AS (
        SELECT *, sum(number) FILTER (WHERE class >= 0) OVER (PARTITION BY element, kind ORDER BY class)
               / nullif(sum(number) FILTER (WHERE class >= 0) OVER (PARTITION BY element, kind), 0) AS part
        FROM classes
    )
    SELECT element, kind, sum(number)::bigint AS started, coalesce(sum(number) FILTER (WHERE class < 0), 0)::bigint AS running,
           sum(forced)::bigint AS forced, control.seconds_of(min(class) FILTER (WHERE class >= 0 AND part >= 0.5)) AS p50,
           control.seconds_of(min(class) FILTER (WHERE class >= 0 AND part >= 0.95)) AS p95,
           sum(milliseconds)::float8 / 1000 AS seconds
    FROM ranked GROUP BY element, kind HAVING sum(number) > 0
"""
_TROUBLES = """
    SELECT element, count(*) AS incidents, count(*) FILTER (WHERE resolved_at IS NULL) AS open
    FROM control.incidents WHERE process_key = %(key)s AND raised_at >= %(since)s AND raised_at < %(until)s GROUP BY element
"""
_LATE = """
    SELECT element, avg(control.is_late(due_at, ended_at)::int)::float8 AS late FROM control.user_tasks
    WHERE process_key = %(key)s AND created_at >= %(since)s AND created_at < %(until)s AND due_at IS NOT NULL GROUP BY element
"""
# All that are chosen are counted and put in order; what else a row shows is looked up for those listed only.
_INSTANCES = """
    WITH chosen AS MATERIALIZED (
        SELECT i.key, date_part('epoch', coalesce(i.ended_at, clock_timestamp()) - i.started_at) AS seconds
        FROM control.instances i WHERE i.process_key = %(key)s AND {chosen}
    ), listed AS (SELECT * FROM chosen ORDER BY seconds DESC NULLS LAST, key LIMIT {most})
    SELECT i.key, i.started_at, i.ended_at, i.completed, i.human_seconds, control.case_of(i.key) AS case_id,
           coalesce(l.lead->>'name', l.raw->>'name') AS name, coalesce(l.lead->>'company', l.raw->>'company') AS company,
           c.seconds,
           EXISTS (SELECT FROM control.incidents f WHERE f.instance_key = i.key AND f.resolved_at IS NULL) AS incident,
           (SELECT count(*) FROM chosen) AS total
    FROM listed c JOIN control.instances i USING (key) LEFT JOIN routing.leads l ON l.process_instance_key = i.key
    ORDER BY c.seconds DESC NULLS LAST, i.key
"""
_PERIOD = "i.started_at >= %(since)s AND i.started_at < %(until)s"
_CHOSEN = {
    "started": _PERIOD,
    "completed": f"{_PERIOD} AND i.completed",
    "forced": f"{_PERIOD} AND i.completed IS FALSE",
    "running": "i.ended_at IS NULL",
    "incidents": "EXISTS (SELECT FROM control.incidents f WHERE f.instance_key = i.key AND f.resolved_at IS NULL)",
    "element": "i.key IN (SELECT e.instance_key FROM control.elements e WHERE e.process_key = %(key)s"
    " AND e.element = %(element)s AND e.started_at >= %(since)s AND e.started_at < %(until)s)",
    "cut": "i.key IN (SELECT e.instance_key FROM control.elements e WHERE e.process_key = %(key)s AND e.element = %(element)s"
    " AND e.completed IS FALSE AND e.started_at >= %(since)s AND e.started_at < %(until)s)",
    "failed": "EXISTS (SELECT FROM control.incidents f WHERE f.instance_key = i.key AND f.element = %(element)s"
    " AND f.raised_at >= %(since)s AND f.raised_at < %(until)s)",
    "waiting": "EXISTS (SELECT FROM control.elements e WHERE e.instance_key = i.key AND e.element = %(element)s"
    " AND e.ended_at IS NULL)",
    "late": "EXISTS (SELECT FROM control.user_tasks t WHERE t.instance_key = i.key AND t.element = %(element)s"
    " AND t.created_at >= %(since)s AND t.created_at < %(until)s AND control.is_late(t.due_at, t.ended_at))",
    "variant": f"{_PERIOD} AND EXISTS (SELECT FROM control.paths p WHERE p.key = i.key AND p.variant = %(variant)s)",
    "rework": f"{_PERIOD} AND EXISTS (SELECT FROM control.reworks r WHERE r.instance_key = i.key"
    " AND coalesce(r.element = %(element)s, true))",
    "deviation": f"{_PERIOD} AND EXISTS (SELECT FROM control.deviations d WHERE d.instance_key = i.key"
    " AND coalesce(d.kind = %(kind)s, true) AND coalesce(d.element = %(element)s, true))",
}


class UnknownChoice(LookupError):
    """Instances can't be chosen by that."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a diagram in a period."""

    id: str
    name: str | None
    """In the diagram, if it has one."""
    kind: str
    started: int
    running: int
    forced: int
    """Ended by something else: a boundary event, a withdrawal."""
    p50: float | None
    p95: float | None
    seconds: float
    share: float | None
    """Of the time of all its elements that hold no others; None for one that does."""
    incidents: int
    open: int
    """Of the incidents, those that wait."""
    late: float | None = None
    """Of its tasks that had a due time, the share that ran over it."""
    undone: float | None = None
    """Of the times it completed, the share that its compensation handler undid; None: it has none, or never completed."""

    def value(self, measure: Measure) -> float | None:
        """What an overlay shows of it."""
        return {
            "frequency": float(self.started), "duration": self.p50, "incidents": self.incident_rate, "sla": self.late,
            "compensation": self.undone,
        }[measure]  # fmt: skip

    @property
    def incident_rate(self) -> float | None:
        """Incidents for each time it began; None: it never did."""
        return self.incidents / self.started if self.started else None


@dataclass(frozen=True, slots=True)
class Overlay:
    """Elements with a shade from 1 to `CLASSES` each, and what each shade stands for."""

    shades: dict[str, int]
    bounds: tuple[float, ...]
    """Upper bounds of the shades that are used."""


async def overview(connection: AsyncConnection[DictRow], scope: Scope) -> list[DictRow]:
    """Every version of every process, with what it did in the period; the newest version first."""
    return await read_rows(connection, _OVERVIEW, scope.given)


async def versions(connection: AsyncConnection[DictRow], process: str) -> list[DictRow]:
    """The versions of one process, the newest first."""
    query = "SELECT key, process, version, version_tag FROM control.processes WHERE process = %(process)s ORDER BY version DESC"
    return await read_rows(connection, query, {"process": process})


async def elements(
    connection: AsyncConnection[DictRow], key: int, scope: Scope, *, late: bool = True
) -> tuple[Element, ...]:
    """The elements of a process version that were begun in the period, those that took most time first.

    By day, a percentile is the middle of its class of durations: at most 2 % off. Without `late`, it is not looked up, which
    takes time for each task.
    """
    given = {**scope.given, "key": key}
    troubles = {row["element"]: row for row in await read_rows(connection, _TROUBLES, given)}
    rows = await read_rows(connection, _ELEMENTS_BY_DAY if scope.by_day else _ELEMENTS, given)
    shares = {row["element"]: row["late"] for row in await read_rows(connection, _LATE, given)} if late else {}
    names = await names_of(connection, key)
    undone = _undone(rows, await diagram(connection, key))
    whole = sum(row["seconds"] for row in rows if row["kind"] not in CONTAINERS)
    found = [
        Element(
            row["element"], names.get(row["element"]), row["kind"], row["started"], row["running"], row["forced"], row["p50"], row["p95"],
            row["seconds"], row["seconds"] / whole if whole and row["kind"] not in CONTAINERS else None,
            troubles.get(row["element"], {}).get("incidents", 0), troubles.get(row["element"], {}).get("open", 0),
            shares.get(row["element"]), undone.get(row["element"]),
        )
        for row in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.share is None, -(one.share or 0.0), -one.started, one.id)))


def _undone(rows: list[DictRow], xml: str | None) -> dict[str, float]:
    """Activity → the share of its completions that its compensation handler followed."""
    begun, completed = Counter[str](), Counter[str]()
    for row in rows:
        if row["kind"] != "MULTI_INSTANCE_BODY":  # what is in it bears the same id
            begun[row["element"]] += row["started"]
            completed[row["element"]] += row["started"] - row["running"] - row["forced"]
    handlers = read_diagram(xml).handlers if xml else {}
    return {name: begun[handler] / completed[name] for name, handler in handlers.items() if completed[name]}


def overlay(found: tuple[Element, ...], measure: Measure) -> Overlay:
    """Shades by rank, so that one slow element does not leave all others alike; equal values get equal shades."""
    values = {one.id: one.value(measure) for one in found if one.kind not in CONTAINERS}
    known = sorted({value for value in values.values() if value is not None and value > 0})
    bounds = (
        tuple(sorted({known[min(len(known) - 1, len(known) * part // CLASSES)] for part in range(1, CLASSES + 1)}))
        if known
        else ()
    )
    # Fewer shades are spread over the scale, so that the highest is always the strongest.
    strength = [CLASSES - (len(bounds) - 1 - place) for place in range(len(bounds))]
    shades = {
        name: strength[next(place for place, bound in enumerate(bounds) if value <= bound)]
        for name, value in values.items()
        if value is not None and value > 0
    }
    return Overlay(shades, bounds)


async def key_of(connection: AsyncConnection[DictRow], process: str, version: int) -> int | None:
    """The key of a process version, or None."""
    query = "SELECT key FROM control.processes WHERE process = %(process)s AND version = %(version)s"
    rows = await read_rows(connection, query, {"process": process, "version": version})
    return int(rows[0]["key"]) if rows else None


async def diagram(connection: AsyncConnection[DictRow], key: int) -> str | None:
    """The BPMN XML of a process version as it was deployed, or None."""
    rows = await read_rows(connection, "SELECT diagram FROM control.processes WHERE key = %(key)s", {"key": key})
    return str(rows[0]["diagram"]) if rows else None


async def names_of(connection: AsyncConnection[DictRow], key: int) -> dict[str, str]:
    """What the diagram of a process version calls its elements, by id."""
    rows = await read_rows(connection, "SELECT names FROM control.processes WHERE key = %(key)s", {"key": key})
    return dict(rows[0]["names"]) if rows else {}


async def instances(
    connection: AsyncConnection[DictRow],
    key: int,
    scope: Scope,
    chosen: str,
    *,
    element: str | None = None,
    variant: int | None = None,
    kind: str | None = None,
) -> tuple[int, tuple[DictRow, ...]]:
    """How many instances there are of a choice, and the slowest of them.

    `chosen` is started, completed, forced, running, incidents, element (which passed it), cut (where it was cut short), failed
    (which had an incident there), waiting (which are there now), late (whose task there ran over its due time), variant, rework (of `element` or any) or deviation (of a `kind`, at an `element`, or any).

    Raises:
        UnknownChoice: it is none of these.
    """
    if chosen not in _CHOSEN:
        raise UnknownChoice(chosen)
    query = _INSTANCES.format(chosen=_CHOSEN[chosen], most=LISTED)
    rows = await read_rows(
        connection, query, {**scope.given, "key": key, "element": element, "variant": variant, "kind": kind}
    )
    return (rows[0]["total"] if rows else 0), tuple(rows)


async def path(connection: AsyncConnection[DictRow], instance: int) -> list[DictRow]:
    """The elements an instance went through: how often, and whether it is there now or has an incident there."""
    query = """
        SELECT e.element, count(*) AS times, count(*) FILTER (WHERE e.ended_at IS NULL) AS running,
               EXISTS (SELECT FROM control.incidents f WHERE f.instance_key = %(key)s AND f.element = e.element
                       AND f.resolved_at IS NULL) AS incident
        FROM control.elements e WHERE e.instance_key = %(key)s GROUP BY e.element
    """
    return await read_rows(connection, query, {"key": instance})
