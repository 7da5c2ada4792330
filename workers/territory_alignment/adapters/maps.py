"""Where accounts and reps of some regions are, for a map of them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

Connection = AsyncConnection[DictRow]

# Places are those of the organisation's tables, as they came: what cannot be one is left out.
_ON_EARTH = "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180"
_ACCOUNTS = f"""
WITH ours AS (
    SELECT rep FROM territories.reps WHERE organisation = %(organisation)s AND region = ANY(%(regions)s::text[])
)
SELECT p.account, a.latitude, a.longitude, p.potential, today.rep AS today, planned.rep AS planned,
    count(*) OVER ()::int AS total
FROM territories.plan_accounts p
JOIN territories.accounts a ON a.organisation = %(organisation)s AND a.account = p.account
LEFT JOIN ours today ON today.rep = p.owner
LEFT JOIN ours planned ON planned.rep = p.rep
WHERE p.version = %(version)s AND (today.rep IS NOT NULL OR planned.rep IS NOT NULL) AND {_ON_EARTH}
ORDER BY p.potential DESC, p.place LIMIT %(most)s
"""  # noqa: S608 - of our own constants only
_HOMES = f"""
SELECT rep, name, latitude, longitude FROM territories.reps
WHERE organisation = %(organisation)s AND region = ANY(%(regions)s::text[]) AND {_ON_EARTH} ORDER BY place
"""  # noqa: S608 - see above


@dataclass(frozen=True, slots=True)
class PlacedAccount:
    """An account that a rep of the regions has today, or gets."""

    account: str
    latitude: float
    """Degrees, as the longitude."""
    longitude: float
    potential: float
    today: str | None
    """Which of the regions' reps has it; None: somebody else, or nobody."""
    planned: str | None
    """The same by the plan."""


@dataclass(frozen=True, slots=True)
class PlacedRep:
    """A rep of the regions, at home."""

    rep: str
    name: str
    latitude: float
    longitude: float


async def accounts(
    connection: Connection, organisation: str, version: str, regions: Sequence[str], most: int
) -> tuple[Sequence[PlacedAccount], int]:
    """Accounts of a plan that reps of some regions have or get and whose place is known, those of the highest potential
    first, and how many there are.
    """
    given = {"organisation": organisation, "version": version, "regions": list(regions), "most": most}
    rows = await (await connection.execute(_ACCOUNTS.encode(), given)).fetchall()
    total = rows[0]["total"] if rows else 0
    return [PlacedAccount(**{name: row[name] for name in row if name != "total"}) for row in rows], total


async def homes(connection: Connection, organisation: str, regions: Sequence[str]) -> Sequence[PlacedRep]:
    """Reps of some regions whose home is known."""
    cursor = await connection.execute(_HOMES.encode(), {"organisation": organisation, "regions": list(regions)})
    return [PlacedRep(**row) for row in await cursor.fetchall()]
