"""Whose case it is: teams by the names they have in the office's tables, for those who may see their own team's only.

A team's names are ids of territories (also as regions), units of quotas, and parts or beginnings of a forecast's segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

Connection = AsyncConnection[DictRow]
Teams = Sequence[str] | None
"""Names of the teams whose cases are meant; None: all cases."""

REP_IS_OURS = "EXISTS (SELECT FROM routing.reps ours WHERE ours.id = {rep} AND ours.territories && %(teams)s::text[])"
"""SQL: whether the rep works for one of the teams; to be formatted with an expression."""
LEAD_IS_OURS = f"""(l.territory = ANY(%(teams)s::text[]) OR {REP_IS_OURS.format(rep="l.owner_id")})"""
"""SQL on ``routing.leads l``: it lies in one of the teams' territories, or one of their reps owns it."""
SEGMENT_IS_OURS = """EXISTS (SELECT FROM unnest(%(teams)s::text[]) AS team
    WHERE team = segment OR starts_with(segment, team || '/') OR team = ANY(string_to_array(segment, '/')))"""
"""SQL on a column ``segment`` of forecasts."""
OURS = """ours AS (
        SELECT node FROM all_units WHERE node = ANY(%(teams)s::text[])
        UNION SELECT below.node FROM all_units below JOIN ours ON below.parent = ours.node
    )"""
"""SQL, recursive over ``all_units (node, parent)``: the teams' units of quotas with all that lies below them."""

_LED = """
    SELECT id AS team FROM routing.territories WHERE lower(manager_email) = lower(%(email)s)
    UNION SELECT region FROM territories.regions WHERE lower(email) = lower(%(email)s)
    UNION SELECT node FROM quotas.persons
          WHERE lower(email) = lower(%(email)s) AND role IN ('manager', 'director') AND node IS NOT NULL
"""
_LEAD_OF = f"SELECT FROM routing.leads l WHERE l.lead_id = %(id)s AND {LEAD_IS_OURS}"
_FOLLOW_UP_OF = f"SELECT FROM selling.follow_ups WHERE follow_up_id = %(id)s AND {REP_IS_OURS.format(rep='rep_id')}"
_REP_OF = f"SELECT WHERE {REP_IS_OURS.format(rep='%(id)s')}"
_INSTANCE_OF = f"""
    SELECT FROM routing.leads l WHERE l.process_instance_key = %(id)s AND {LEAD_IS_OURS}
    UNION ALL
    SELECT FROM selling.follow_ups
    WHERE follow_up_id = control.case_of(%(id)s) AND {REP_IS_OURS.format(rep="rep_id")}
"""  # noqa: S608 - see above


async def led_by(connection: Connection, email: str) -> frozenset[str]:
    """The teams that a person leads, as the office's tables say; `email` must be known to be theirs."""
    cursor = await connection.execute(_LED, {"email": email})
    return frozenset(row["team"] for row in await cursor.fetchall())


async def first_territory(connection: Connection, teams: Sequence[str]) -> str | None:
    """Of the teams that are territories, the first by name."""
    cursor = await connection.execute(
        "SELECT id FROM routing.territories WHERE id = ANY(%s) ORDER BY name LIMIT 1", (list(teams),)
    )
    row = await cursor.fetchone()
    return None if row is None else str(row["id"])


async def has_lead(connection: Connection, lead_id: str, teams: Teams) -> bool:
    """Whether a lead is one of the teams' (with None it is, even if there is none of this id)."""
    return await _any(connection, _LEAD_OF, lead_id, teams)


async def has_follow_up(connection: Connection, follow_up_id: str, teams: Teams) -> bool:
    """Whether a promised contact is one of the teams' reps'."""
    return await _any(connection, _FOLLOW_UP_OF, follow_up_id, teams)


async def has_rep(connection: Connection, rep_id: str, teams: Teams) -> bool:
    """Whether a rep works for one of the teams."""
    return await _any(connection, _REP_OF, rep_id, teams)


async def has_instance(connection: Connection, key: int, teams: Teams) -> bool:
    """Whether a process instance is about a lead of the teams or a promise of their reps; others are nobody's own."""
    return await _any(connection, _INSTANCE_OF, key, teams)


async def _any(connection: Connection, query: str, id_: object, teams: Teams) -> bool:
    if teams is None:
        return True
    cursor = await connection.execute(query.encode(), {"id": id_, "teams": list(teams)})
    return cursor.rowcount > 0


def listed(teams: Teams) -> list[str] | None:
    """As SQL takes them."""
    return None if teams is None else list(teams)


def called(team: str, names: Iterable[str]) -> str | None:
    """The one of these names that is the team's id, else the first path that ends with it; None: there is none."""
    found = None
    for name in names:
        if name == team:
            return name
        if found is None and name.rpartition("/")[2] == team:
            found = name
    return found
