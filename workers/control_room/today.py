"""The figures of the page Today: how fast leads are, what is due, what waits for whom, and who has how much."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.kpis import Measured, Scope, measured, over_leads, queries_of
from workers.control_room.lead_days import BOUNDS, OPEN
from workers.control_room.reading import read_rows
from workers.runtime.database import Pool

BANDS: tuple[tuple[str, float], ...] = (
    ("0 to 5 min", 0.0),
    ("5 to 15 min", BOUNDS[0]),
    ("15 to 60 min", BOUNDS[1]),
    ("over 60 min", BOUNDS[2]),
)
"""Of speed to lead: name and lower bound in seconds."""
AGES: tuple[tuple[str, float], ...] = (
    ("under 1 h", 0.0),
    ("1 to 4 h", 3_600.0),
    ("4 to 24 h", 14_400.0),
    ("over 1 day", 86_400.0),
)
"""Of open tasks: name and lower bound in seconds."""
AT_RISK = 0.8
"""Where nothing is predicted, a lead is at risk when so much of its owner's time is gone."""
FRESH = timedelta(minutes=10)
"""A prediction that is older does not count: its process is away."""
LISTED = 200
"""Rows of a list; the count tells how many there are."""

# See also `lead_days`.
RECEIVED = "received_at >= %(since)s AND received_at < %(until)s"
AGE = "coalesce(seconds, date_part('epoch', clock_timestamp() - received_at))"
OWNED = "state = 'assigned' AND sla_due_at IS NOT NULL"
OVERDUE = "sla_due_at <= clock_timestamp()"
# By the prediction; where there is none, or none of late, by the rule.
_AT_RISK = f"""coalesce(
    (SELECT bool_or(p.at_risk) FROM control.predictions p JOIN control.user_tasks t USING (key)
     WHERE p.instance_key = s.instance_key AND t.ended_at IS NULL AND p.predicted_at > clock_timestamp() - interval '{FRESH.total_seconds():g} s'),
    clock_timestamp() >= assigned_at + {AT_RISK} * (sla_due_at - assigned_at))"""  # noqa: S608 - of our own constants only
RISKY = f"sla_due_at > clock_timestamp() AND {_AT_RISK}"
IN_TIME = f"sla_due_at > clock_timestamp() AND NOT {_AT_RISK}"
OF_TEAM = "(%(team)s::text IS NULL OR team = %(team)s)"

_SPEED = "SELECT to_jsonb(s) FROM speed s"
_OPEN_IN_BANDS = f"""
    SELECT coalesce(jsonb_object_agg(band, open), '{{}}') FROM (
        SELECT width_bucket({AGE}, ARRAY{list(BOUNDS)}::float8[]) AS band, count(*) AS open
        FROM leads WHERE accepted_at IS NULL AND {OPEN} GROUP BY band) AS b
"""  # noqa: S608 - see above
# Of all leads that an owner has now, whenever they came. The risk of each is looked up once: it is most of the work.
_DUE = f"""
    SELECT count(*) FILTER (WHERE overdue) AS overdue, count(*) FILTER (WHERE risky) AS at_risk,
           count(*) FILTER (WHERE NOT overdue AND NOT risky) AS in_time
    FROM (SELECT {OVERDUE} AS overdue, {RISKY} AS risky FROM control.lead_speed s WHERE {OWNED} AND {OF_TEAM} OFFSET 0) AS due
"""  # noqa: S608 - see above
_WHO = """CASE WHEN t.assignee <> '' THEN t.assignee
           ELSE coalesce(nullif(array_to_string(t.groups, ', '), ''), 'nobody') END"""
_WAITS = """t.ended_at IS NULL AND t.created_at IS NOT NULL
      AND (%(team)s::text IS NULL OR l.territory = %(team)s)"""
_AGED = f"""width_bucket(date_part('epoch', clock_timestamp() - t.created_at),
                        ARRAY{[low for _, low in AGES[1:]]}::float8[])"""
_LATE = "t.due_at < clock_timestamp()"
_TASKS = f"""
    SELECT {_WHO} AS who, t.assignee <> '' AS person, {_AGED} AS age,
           count(*) AS tasks, count(*) FILTER (WHERE {_LATE}) AS overdue
    FROM control.user_tasks t LEFT JOIN routing.leads l ON l.process_instance_key = t.instance_key
    WHERE {_WAITS}
    GROUP BY who, person, age
"""  # noqa: S608 - see above
_OLDEST = f"""
    WITH chosen AS MATERIALIZED (
        SELECT t.key, t.created_at FROM control.user_tasks t LEFT JOIN routing.leads l ON l.process_instance_key = t.instance_key
        WHERE {_WAITS} AND (%(who)s::text IS NULL OR %(who)s = {_WHO}) AND (%(age)s::int IS NULL OR %(age)s = {_AGED})
          AND (NOT %(overdue)s OR {_LATE})
    ), listed AS (SELECT key FROM chosen ORDER BY created_at, key LIMIT %(limit)s)
    SELECT t.key, t.element, p.names->>t.element AS called, t.process, t.process_key, t.instance_key, t.created_at,
           t.due_at, t.assignee, t.groups, control.case_of(t.instance_key) AS case_id,
           coalesce(l.lead->>'name', l.raw->>'name') AS name, coalesce(l.lead->>'company', l.raw->>'company') AS company,
           (SELECT count(*) FROM chosen) AS total
    FROM listed JOIN control.user_tasks t USING (key) LEFT JOIN routing.leads l ON l.process_instance_key = t.instance_key
    LEFT JOIN control.processes p ON p.key = t.process_key
    ORDER BY t.created_at, t.key
"""  # noqa: S608 - see above
# A fair share is by weight among those who work the same territories: each one's part of what their territory got.
_LOAD = """
    WITH assigned AS MATERIALIZED (
        SELECT rep_id, pool, lead_id FROM routing.assignments
        WHERE released_at IS NULL AND assigned_at >= %(since)s AND assigned_at < %(until)s
    ), given AS (
        SELECT a.rep_id, count(*) AS leads, count(*) FILTER (WHERE a.pool IS NOT NULL) AS by_turn
        FROM assigned a
        WHERE %(team)s::text IS NULL OR EXISTS (
            SELECT FROM routing.leads l WHERE l.lead_id = a.lead_id AND l.territory = %(team)s)
        GROUP BY a.rep_id
    ), pools AS (
        SELECT pool, count(*) AS leads FROM assigned
        WHERE pool IS NOT NULL AND (%(team)s::text IS NULL OR pool = %(team)s) GROUP BY pool
    ), weights AS (
        SELECT t AS pool, sum(weight) AS weight FROM routing.reps, unnest(territories) AS t WHERE active GROUP BY t
    ), fair AS (
        SELECT r.id, sum(p.leads * r.weight / w.weight) AS share
        FROM routing.reps r, unnest(r.territories) AS t JOIN pools p ON p.pool = t JOIN weights w ON w.pool = t
        WHERE r.active GROUP BY r.id
    )
    SELECT r.id, r.name, r.territories, r.open_capacity, coalesce(g.leads, 0) AS leads, coalesce(g.by_turn, 0) AS by_turn,
           coalesce(f.share, 0)::float8 AS fair, coalesce(held.open, 0) AS open, coalesce(c.credit, 0)::float8 AS credit,
           EXISTS (SELECT FROM routing.absences b WHERE b.rep_id = r.id
                   AND clock_timestamp() BETWEEN b.starts_at AND b.ends_at) AS away
    FROM routing.reps r
    LEFT JOIN given g ON g.rep_id = r.id
    LEFT JOIN fair f ON f.id = r.id
    LEFT JOIN (SELECT rep_id, count(*) AS open FROM routing.assignments WHERE released_at IS NULL AND closed_at IS NULL
               GROUP BY rep_id) AS held ON held.rep_id = r.id
    LEFT JOIN (SELECT rep_id, sum(credit) AS credit FROM routing.credits
               WHERE %(team)s::text IS NULL OR pool = %(team)s GROUP BY rep_id) AS c ON c.rep_id = r.id
    WHERE r.active AND (%(team)s::text IS NULL OR %(team)s = ANY (r.territories) OR g.leads > 0)
    ORDER BY r.name
"""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile in seconds; None where nothing was measured."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Band:
    """Leads of one band of speed: those accepted, and those still open by their age so far."""

    name: str
    accepted: int
    open: int


@dataclass(frozen=True, slots=True)
class Waiter:
    """Open tasks of one person or group, by age as in `AGES`."""

    name: str
    person: bool
    ages: tuple[int, ...]
    overdue: int

    @property
    def tasks(self) -> int:
        """All of them."""
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class Load:
    """What one rep has, and what the fair share by weight would be."""

    id: str
    name: str
    territories: tuple[str, ...]
    open: int
    capacity: int
    leads: int
    by_turn: int
    """Of them those that fair share gave; a person's choice and an account's owner are not its doing."""
    fair: float
    credit: float
    """Leads owed to the rep (negative: had too many), as fair share keeps the account."""
    away: bool


@dataclass(frozen=True, slots=True)
class Today:
    """Everything on the page."""

    leads: int
    accepted: int
    open: int
    total: Spread
    system: Spread
    human: Spread
    bands: tuple[Band, ...]
    met: int
    missed: int
    overdue: int
    at_risk: int
    in_time: int
    waiters: tuple[Waiter, ...]
    tasks: tuple[DictRow, ...]
    load: tuple[Load, ...]
    kpis: tuple[Measured, ...]


async def read(pool: Pool, scope: Scope) -> Today:
    """All figures of a scope: those of the leads received in it, and beside them all others, each half of one moment."""
    (row, due), (others, load, waiters, tasks) = await asyncio.gather(_of_leads(pool, scope), _of_others(pool, scope))
    speed = row["speed"]
    bands = tuple(
        Band(name, speed["bands"][number], row["open_bands"].get(str(number), 0))
        for number, (name, _) in enumerate(BANDS)
    )
    return Today(
        leads=speed["leads"],
        accepted=speed["accepted"],
        open=speed["open"],
        total=_spread(speed["total"]),
        system=_spread(speed["system"]),
        human=_spread(speed["human"]),
        bands=bands,
        met=speed["met"],
        missed=speed["missed"],
        overdue=due["overdue"],
        at_risk=due["at_risk"],
        in_time=due["in_time"],
        waiters=_waiters(waiters),
        tasks=tuple(tasks),
        load=tuple(
            Load(
                row["id"], row["name"], tuple(row["territories"]), row["open"], row["open_capacity"], row["leads"],
                row["by_turn"], row["fair"], row["credit"], row["away"],
            )
            for row in load
        ),
        kpis=measured({**row, **others}),
    )  # fmt: skip


async def _of_leads(pool: Pool, scope: Scope) -> tuple[DictRow, DictRow]:
    queries = {"speed": _SPEED, "open_bands": _OPEN_IN_BANDS, **queries_of(scope, of_leads=True)}
    async with pool.connection() as connection:
        await _at_one_moment(connection)
        row = await over_leads(connection, scope, queries)
        (due,) = await read_rows(connection, _DUE, scope.given)
    return row, due


async def _of_others(pool: Pool, scope: Scope) -> tuple[DictRow, list[DictRow], list[DictRow], list[DictRow]]:
    """KPIs that know no team; load; tasks by who has them, and the oldest."""
    queries = queries_of(scope, of_leads=False)
    async with pool.connection() as connection:
        await _at_one_moment(connection)
        others = await over_leads(connection, scope, queries) if queries else {}
        load, waiters = [await read_rows(connection, query, scope.given) for query in (_LOAD, _TASKS)]
        return others, load, waiters, await tasks_of(connection, scope, limit=8)


async def _at_one_moment(connection: AsyncConnection[DictRow]) -> None:
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    # What long periods have fits into it, so that nothing is sorted on disk.
    await connection.execute("SET LOCAL work_mem = '64MB'")


async def teams(connection: AsyncConnection[DictRow]) -> list[tuple[str, str]]:
    """Territories: id and name."""
    rows = await read_rows(connection, "SELECT id, name FROM routing.territories ORDER BY name", {})
    return [(row["id"], row["name"]) for row in rows]


async def tasks_of(
    connection: AsyncConnection[DictRow],
    scope: Scope,
    *,
    who: str | None = None,
    age: int | None = None,
    overdue: bool = False,
    limit: int = LISTED,
) -> list[DictRow]:
    """Open tasks, the oldest first; `who` is a person's log-in or the candidate groups, `age` a place in `AGES`, `overdue`: only
    those. Each row knows their `total`.
    """
    given = {**scope.given, "who": who, "age": age, "overdue": overdue, "limit": limit}
    return await read_rows(connection, _OLDEST, given)


def _spread(values: list[float] | None) -> Spread:
    return Spread(*(values or (None, None)))


def _waiters(rows: list[DictRow]) -> tuple[Waiter, ...]:
    found: dict[tuple[str, bool], list[DictRow]] = {}
    for row in rows:
        found.setdefault((row["who"], row["person"]), []).append(row)
    waiters = []
    for (name, person), parts in found.items():
        ages = {part["age"]: part["tasks"] for part in parts}
        overdue = sum(part["overdue"] for part in parts)
        waiters.append(Waiter(name, person, tuple(ages.get(number, 0) for number in range(len(AGES))), overdue))
    return tuple(sorted(waiters, key=lambda one: (-one.overdue, -one.tasks, one.name)))
