"""Versions of forecasts that were composed: who asked for them, why, who let them out, and what came before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.office.teams import SEGMENT_IS_OURS, Teams, listed

_IS_OURS = f"(%(teams)s::text[] IS NULL OR {SEGMENT_IS_OURS})"
_VERSIONS = f"""
    SELECT p.version, p.forecast_id, p.organisation, p.months[1] AS first, p.months[cardinality(p.months)] AS last,
        p.made_at, r.reason, r.asked_by, l.choice, l.level, l.decided_by, l.decided_at,
        CASE WHEN %(teams)s::text[] IS NULL THEN l.comment END AS comment, (w.facts->>'total')::float8 AS total,
        (w.facts->>'overrides')::int AS overrides, (w.facts->>'change_percent_to_former')::float8 AS change_percent,
        ARRAY(SELECT DISTINCT target FROM forecasting.sendings s
              WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use
    FROM forecasting.publications p JOIN forecasting.reviews r USING (forecast_id)
    LEFT JOIN forecasting.releases l ON l.version = p.version
    LEFT JOIN LATERAL (SELECT p.facts WHERE %(teams)s::text[] IS NULL) AS w ON true
    WHERE (%(organisation)s::text IS NULL OR p.organisation = %(organisation)s) AND (%(teams)s::text[] IS NULL OR EXISTS (
        SELECT FROM forecasting.published_segments s WHERE s.version = p.version AND {SEGMENT_IS_OURS}))
    ORDER BY p.id DESC LIMIT %(limit)s
"""  # noqa: S608 - of our own constants only


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in short."""

    version: str
    forecast_id: str
    organisation: str
    first: str
    """Month, ``2026-01``."""
    last: str
    made_at: datetime
    reason: str
    """Why the review was made: schedule, fresh_data, large_change, drift, by_hand."""
    asked_by: str
    choice: str | None
    """``approve`` or ``reject``; None: nobody decided yet."""
    level: str | None
    """Whose approval it needed; ``none``: nobody's."""
    decided_by: str | None
    comment: str | None
    decided_at: datetime | None
    total: float | None
    """Of all months, in the data's unit; None for who sees some teams, as are the two below and the comment."""
    overrides: int | None
    change_percent: float | None
    """Of the total against what was published before."""
    in_use: list[str]
    """Targets that got it."""


async def versions(
    connection: AsyncConnection[DictRow], *, organisation: str | None = None, limit: int = 50, teams: Teams = None
) -> list[VersionLine]:
    """The newest first; with `teams` those that have segments of theirs, and no figures of the whole."""
    async with connection.cursor(row_factory=class_row(VersionLine)) as cursor:
        await cursor.execute(_VERSIONS.encode(), {"organisation": organisation, "limit": limit, "teams": listed(teams)})
        return await cursor.fetchall()


async def segment_names(connection: AsyncConnection[DictRow], version: str, teams: Teams = None) -> list[str]:
    """The segments of a version (with `teams` theirs), sums first; none if there is no such version."""
    found = await connection.execute(
        f"SELECT segment FROM forecasting.published_segments WHERE version = %(version)s AND {_IS_OURS}"  # noqa: S608
        " ORDER BY place".encode(),
        {"version": version, "teams": listed(teams)},
    )
    return [row["segment"] for row in await found.fetchall()]


async def version_before(connection: AsyncConnection[DictRow], version: str, teams: Teams = None) -> str | None:
    """What an organisation worked with before a version of another review; None: with nothing, or nothing of `teams`."""
    found = await connection.execute(
        f"""
        SELECT b.version FROM forecasting.publications p JOIN forecasting.publications b
            ON b.organisation = p.organisation AND b.forecast_id <> p.forecast_id AND b.id < p.id
        WHERE p.version = %(version)s AND EXISTS (
            SELECT FROM forecasting.sendings s WHERE s.version = b.version AND s.state = 'delivered')
          AND EXISTS (SELECT FROM forecasting.published_segments s WHERE s.version = b.version AND {_IS_OURS})
        ORDER BY b.id DESC LIMIT 1
        """.encode(),  # noqa: S608 - see above
        {"version": version, "teams": listed(teams)},
    )
    row = await found.fetchone()
    return None if row is None else str(row["version"])
