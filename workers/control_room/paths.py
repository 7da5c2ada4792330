"""The figures of the page Paths: which ways instances took, what they did again, what their diagram does not allow.

Of instances that have ended; `settling` made what is counted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.kpis import Scope
from workers.control_room.reading import read_rows

LISTED = 30
"""Variants that are shown, those that most instances took."""

OF_PATH = "process_key = %(key)s AND started_at >= %(since)s AND started_at < %(until)s"

_VARIANTS = f"""
    SELECT p.*, v.activities FROM (
        SELECT variant, count(*) AS number, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY milliseconds / 1000.0)
                   AS percentiles,
               avg((NOT late)::int)::float8 AS in_time, count(*) FILTER (WHERE deviates) AS deviating,
               sum(count(*)) OVER ()::bigint AS total, count(*) OVER () AS variants,
               sum(count(*) FILTER (WHERE repeats)) OVER ()::bigint AS repeating,
               sum(count(*) FILTER (WHERE deviates)) OVER ()::bigint AS all_deviating,
               sum(sum(milliseconds)) OVER ()::float8 / 1000 AS seconds
        FROM control.paths WHERE {OF_PATH} GROUP BY variant ORDER BY number DESC, variant LIMIT {LISTED}) AS p
    JOIN control.variants v ON v.key = p.variant ORDER BY number DESC, variant
"""  # noqa: S608 - of our own constants only
_REWORKS = f"""
    SELECT element, count(*) AS instances, sum(again)::bigint AS again, sum(milliseconds)::float8 / 1000 AS seconds
    FROM control.reworks WHERE {OF_PATH} GROUP BY element ORDER BY seconds DESC, element
"""  # noqa: S608 - see above
_DEVIATIONS = f"""
    SELECT kind, element, count(*) AS instances, sum(times)::bigint AS times
    FROM control.deviations WHERE {OF_PATH} GROUP BY kind, element ORDER BY instances DESC, kind, element
"""  # noqa: S608 - see above


@dataclass(frozen=True, slots=True)
class Variant:
    """A sequence of activities, and the instances that took it."""

    key: int
    activities: tuple[tuple[str, int], ...]
    """Element id, and how often it came in a row."""
    number: int
    share: float
    """Of all instances that ended."""
    p50: float
    """Seconds from begin to end."""
    p95: float
    in_time: float | None
    """Share of instances in which no task ran over its due time; None: no task had one."""
    deviating: int


@dataclass(frozen=True, slots=True)
class Paths:
    """Everything on the page. Instances that have ended and began in the period."""

    total: int
    variants: int
    repeating: int
    deviating: int
    seconds: float
    """That they took together."""
    shown: tuple[Variant, ...]
    reworks: tuple[DictRow, ...]
    deviations: tuple[DictRow, ...]
    names: dict[str, str]


async def read(connection: AsyncConnection[DictRow], key: int, names: dict[str, str], scope: Scope) -> Paths:
    """The paths of a process version; `names` are what its diagram calls its elements."""
    given = {**scope.given, "key": key}
    rows = await read_rows(connection, _VARIANTS, given)
    shown = tuple(_variant(row) for row in rows)
    reworks = tuple(await read_rows(connection, _REWORKS, given))
    deviations = tuple(await read_rows(connection, _DEVIATIONS, given))
    if not rows:
        return Paths(0, 0, 0, 0, 0.0, shown, reworks, deviations, names)
    head = rows[0]
    return Paths(
        head["total"], head["variants"], head["repeating"], head["all_deviating"], head["seconds"], shown, reworks,
        deviations, names,
    )  # fmt: skip


def _variant(row: DictRow) -> Variant:
    p50, p95 = row["percentiles"]
    share = row["number"] / row["total"]
    ways = _in_a_row(row["activities"])
    return Variant(row["variant"], ways, row["number"], share, p50, p95, row["in_time"], row["deviating"])


def _in_a_row(activities: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple((element, len(list(times))) for element, times in groupby(activities))
