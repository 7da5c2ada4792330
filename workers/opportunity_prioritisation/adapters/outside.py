"""Opportunities and rankings of a CRM that is reached by a connector.

How opportunities ended is kept with us (table selling.outcomes): with the facts that each ranking kept of them while they were
open, it is what the win model learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.office.outside_targets import Wanted
from workers.opportunity_prioritisation.adapters.crm import OutboxRankings
from workers.opportunity_prioritisation.domain.opportunity import Open
from workers.opportunity_prioritisation.ports.crm import OpportunitySource, RankingTarget
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work

LOOK_BACK = timedelta(days=120)
_DAY = timedelta(days=1)

# Who was on a list before and is on none now has fields to be emptied.
_WANTED = """
    SELECT opportunity_id, place, expected_value, action, why FROM selling.ranked WHERE prioritisation_id = %(id)s
    UNION ALL
    SELECT DISTINCT r.opportunity_id, NULL::int, NULL::float8, NULL, NULL FROM selling.ranked r
    WHERE r.place IS NOT NULL AND r.prioritisation_id = (
        SELECT p.prioritisation_id FROM selling.prioritisations p
        JOIN selling.prioritisations this ON this.organisation = p.organisation AND this.prioritisation_id = %(id)s
        WHERE p.prioritisation_id <> this.prioritisation_id AND p.state = 'done' AND p.opened_at < this.opened_at
        ORDER BY p.opened_at DESC LIMIT 1)
      AND NOT EXISTS (SELECT FROM selling.ranked now WHERE now.prioritisation_id = %(id)s
                      AND now.opportunity_id = r.opportunity_id)
"""


class OutsideCrmOpportunities(OutboxRankings):
    """`CrmOpportunities` on another system; outcomes are noted on the job's connection."""

    def __init__(self, source: OpportunitySource, work: Work, system: str) -> None:
        super().__init__(work)
        self._source = source
        self._system = system

    async def open_of(self, rep_ids: Sequence[str], at: datetime) -> Sequence[Open]:
        """See `CrmOpportunities.open_of`. What is open again has not ended."""
        found = await self._source.open_of(rep_ids, at)
        await self._work.connection.execute(
            "DELETE FROM selling.outcomes WHERE system = %s AND opportunity_id = ANY(%s)",
            (self._system, [one.opportunity.id for one in found]),
        )
        return found

    async def cycles(self, rep_ids: Sequence[str], at: datetime) -> Sequence[tuple[float, float]]:
        """See `CrmOpportunities.cycles`; how each ended is kept."""
        closed = [one for one in await self._source.closed_of(rep_ids, at - LOOK_BACK) if one.closed_at <= at]
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO selling.outcomes (system, opportunity_id, closed_at, won) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (system, opportunity_id) DO UPDATE SET closed_at = excluded.closed_at, won = excluded.won",
                [(self._system, one.id, one.closed_at, one.won) for one in closed],
            )
        return [((at - one.closed_at) / _DAY, (one.closed_at - one.opened_at) / _DAY) for one in closed]


class OutsideRankingDelivery:
    """Carries rankings to another system, takes them back there, and tells of contacts; see `crm.RankingDelivery`."""

    def __init__(self, target: RankingTarget, pool: Pool) -> None:
        self._target = target
        self._pool = pool

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row; a repeat changes nothing.

        Raises:
            TransientError: the system did not answer, or there is more to do than fits into one delivery.
            PermanentError: the payload is not one of ours, or the system does not take it.
        """
        given = row.payload
        if "contacted" in given:
            await self._target.contacted(given["contacted"], datetime.fromisoformat(given["at"]))
            return
        change, organisation = given.get("change_id"), given.get("organisation")
        if not isinstance(change, str) or not isinstance(organisation, str):
            raise PermanentError("This ranking for the CRM names no change; drop it, or correct its payload.")
        if given.get("undo"):
            await self._target.take_back(change, organisation)
            return
        ranking = given["prioritisation_id"]
        async with self._pool.connection() as connection:
            wanted = await _wanted(connection, ranking)
        word = await self._target.put(change, organisation, ranking, wanted)
        if word.state == "refused":
            raise PermanentError(
                f"The CRM does not take the ranking: {word.why}. Drop this; the next ranking is sent anew."
            )


async def _wanted(connection: AsyncConnection[DictRow], ranking: str) -> Wanted:
    """By opportunity what is to stand there; {}: nothing, as it is on no list."""
    cursor = await connection.execute(_WANTED.encode(), {"id": ranking})
    return {row.pop("opportunity_id"): row if row["place"] is not None else {} for row in await cursor.fetchall()}
