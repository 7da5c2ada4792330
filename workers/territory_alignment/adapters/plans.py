"""Plans as rows (tables territories.plan_accounts and plans): what light programs need, without the solver's libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.errors import PermanentError
from workers.runtime.work import Work
from workers.territory_alignment.domain.planning import ChangeFacts, Move, RepLoad, Scenario, Solved

Connection = AsyncConnection[DictRow]

_FACTS = """
SELECT count(*)::int AS accounts,
    count(*) FILTER (WHERE owner <> '' AND owner <> rep)::int AS moved,
    count(*) FILTER (WHERE owner <> rep)::int AS changed,
    count(*) FILTER (WHERE owner <> '')::int AS owned,
    coalesce(sum(potential) FILTER (WHERE owner <> '' AND owner <> rep), 0) AS potential_moved,
    coalesce(sum(potential) FILTER (WHERE owner <> ''), 0) AS potential_owned,
    count(*) FILTER (WHERE owner <> '' AND owner <> rep AND key_account)::int AS key_accounts_moved
FROM territories.plan_accounts WHERE version = %s
"""
# An account belongs to the regions of the rep who loses it and of the rep who gets it.
_TOUCHED = """
WITH moved AS (
    SELECT p.rep AS one, CASE WHEN %(since)s::text IS NULL THEN p.owner ELSE q.rep END AS other
    FROM territories.plan_accounts p
    LEFT JOIN territories.plan_accounts q ON q.version = %(since)s AND q.account = p.account
    WHERE p.version = %(version)s
      AND p.rep IS DISTINCT FROM (CASE WHEN %(since)s::text IS NULL THEN p.owner ELSE q.rep END))
SELECT DISTINCT r.region FROM moved m JOIN territories.reps r ON r.rep IN (m.one, m.other)
WHERE r.organisation = %(organisation)s ORDER BY r.region
"""
_MOVES = """
SELECT p.account, p.owner, p.rep, p.potential, p.key_account, p.why, count(*) OVER ()::int AS total
FROM territories.plan_accounts p
WHERE p.version = %(version)s AND p.owner <> p.rep AND (%(regions)s::text[] IS NULL OR EXISTS (
    SELECT FROM territories.reps r WHERE r.organisation = %(organisation)s AND r.region = ANY(%(regions)s)
    AND r.rep IN (p.owner, p.rep)))
ORDER BY p.potential DESC, p.place LIMIT %(most)s
"""
_LOADS = """
SELECT r.rep, r.name, coalesce(r.capacity, 0) AS capacity, r.region,
    coalesce(n.accounts, 0) AS accounts, coalesce(o.accounts, 0) AS accounts_today,
    coalesce(n.hours, 0) AS hours, coalesce(o.hours, 0) AS hours_today,
    coalesce(n.potential, 0) AS potential, coalesce(o.potential, 0) AS potential_today,
    n.km, coalesce(n.gained, 0) AS gained, coalesce(o.lost, 0) AS lost
FROM territories.reps r
LEFT JOIN (SELECT rep, count(*)::int AS accounts, sum(workload) AS hours, sum(potential) AS potential,
               count(*) FILTER (WHERE owner <> rep)::int AS gained,
               sum(workload * km) / nullif(sum(workload), 0) AS km
           FROM territories.plan_accounts WHERE version = %(version)s GROUP BY rep) n ON n.rep = r.rep
LEFT JOIN (SELECT owner, count(*)::int AS accounts, sum(workload) AS hours, sum(potential) AS potential,
               count(*) FILTER (WHERE owner <> rep)::int AS lost
           FROM territories.plan_accounts WHERE version = %(version)s GROUP BY owner) o ON o.owner = r.rep
WHERE r.organisation = %(organisation)s AND (%(regions)s::text[] IS NULL OR r.region = ANY(%(regions)s))
ORDER BY r.place
"""


def solved_of(version: str, card: Mapping[str, Any]) -> Solved:  # Any: JSON
    """What a plan's card says."""
    gap = card["gap"]
    return Solved(
        version=version,
        score=round(card["score"], 4),
        gap=None if gap is None else round(gap, 5),
        proven=card["proven"],
        seconds=card["seconds"],
    )


class PostgresPlanDesk:
    """`PlanDesk` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def solved(self, version: str) -> Solved:
        """See `PlanDesk.solved`."""
        return solved_of(version, await _card(self._work.connection, version))

    async def facts(self, organisation: str, version: str, *, live: bool) -> ChangeFacts:
        """See `PlanDesk.facts`."""
        cursor = await self._work.connection.execute(_FACTS.encode(), (version,))
        row = await cursor.fetchone()
        assert row is not None  # an aggregate
        solved = await self.solved(version)
        return ChangeFacts(
            plan_version=version,
            live=live,
            accounts=row["accounts"],
            changed=row["changed"],
            changed_share=round(row["moved"] / max(row["owned"], 1), 4),
            potential_share=round(row["potential_moved"] / row["potential_owned"], 4)
            if row["potential_owned"]
            else 0.0,
            key_accounts_moved=row["key_accounts_moved"],
            regions=len(await self.touched(organisation, version)),
            gap=solved.gap,
        )

    async def touched(self, organisation: str, version: str, since: str | None = None) -> Sequence[str]:
        """See `PlanDesk.touched`."""
        cursor = await self._work.connection.execute(
            _TOUCHED.encode(), {"organisation": organisation, "version": version, "since": since}
        )
        return [row["region"] for row in await cursor.fetchall()]

    async def moves(self, organisation: str, version: str, region: str, most: int) -> tuple[Sequence[Move], int]:
        """See `PlanDesk.moves`."""
        return await moves(self._work.connection, organisation, version, [region], most)

    async def loads(self, organisation: str, version: str, region: str) -> Sequence[RepLoad]:
        """See `PlanDesk.loads`."""
        return await loads(self._work.connection, organisation, version, [region])

    async def owners(self, version: str) -> Mapping[str, str]:
        """See `PlanDesk.owners`."""
        cursor = await self._work.connection.execute(
            "SELECT account, owner FROM territories.plan_accounts WHERE version = %s", (version,)
        )
        return {row["account"]: row["owner"] for row in await cursor.fetchall()}

    async def reps(self, organisation: str) -> Sequence[str]:
        """See `PlanDesk.reps`."""
        cursor = await self._work.connection.execute(
            "SELECT rep FROM territories.reps WHERE organisation = %s ORDER BY place", (organisation,)
        )
        return [row["rep"] for row in await cursor.fetchall()]

    async def scenarios(self, alignment_id: str, version: str) -> Sequence[Scenario]:
        """See `PlanDesk.scenarios`."""
        return await scenarios(self._work.connection, alignment_id, version)


async def moves(
    connection: Connection, organisation: str, version: str, regions: Sequence[str] | None, most: int
) -> tuple[Sequence[Move], int]:
    """Accounts that change hands in some regions (None: anywhere), the largest first, and how many there are."""
    cursor = await connection.execute(
        _MOVES.encode(),
        {"organisation": organisation, "version": version, "regions": regions and list(regions), "most": most},
    )
    rows = await cursor.fetchall()
    total = rows[0]["total"] if rows else 0
    return [Move(**{name: row[name] for name in row if name != "total"}) for row in rows], total


async def loads(
    connection: Connection, organisation: str, version: str, regions: Sequence[str] | None
) -> Sequence[RepLoad]:
    """What each rep of some regions (None: of all) has today and by a plan."""
    cursor = await connection.execute(
        _LOADS.encode(), {"organisation": organisation, "version": version, "regions": regions and list(regions)}
    )
    return [RepLoad(**row) for row in await cursor.fetchall()]


async def scenarios(connection: Connection, alignment_id: str, version: str) -> Sequence[Scenario]:
    """Today, what was proposed at first, and `version` if it is another."""
    cursor = await connection.execute(
        "SELECT version, label FROM territories.scenarios WHERE alignment_id = %s AND (place = 1 OR version = %s)"
        " ORDER BY place",
        (alignment_id, version),
    )
    labels = {row["version"]: row["label"] for row in await cursor.fetchall()}
    cards = {name: await _card(connection, name) for name in labels}
    first = next(iter(cards.values()))
    return [Scenario("Today", first["today"])] + [
        Scenario(label, cards[name]["kpis"]) for name, label in labels.items()
    ]


async def _card(connection: Connection, version: str) -> dict[str, Any]:  # Any: JSON
    cursor = await connection.execute("SELECT card FROM territories.plans WHERE version = %s", (version,))
    row = await cursor.fetchone()
    if row is None:
        raise PermanentError(f"There is no plan {version}; withdraw this alignment and ask for another.")
    card: dict[str, Any] = row["card"]
    return card
