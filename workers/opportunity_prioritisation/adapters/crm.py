"""The built-in CRM's opportunities and rankings. It stands for another system: connections and transactions of its own,
written through the outbox only.

The CRM keeps each ranking and a log of which was put in use when; the latest that was not undone is the one in use. So
undoing one gives back exactly the ranking before, and keeps one that came since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.office.systems import CrmDatabase
from workers.opportunity_prioritisation.domain.opportunity import Open, Opportunity
from workers.opportunity_prioritisation.ports.crm import CHANNEL
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work

_OPEN = """
    SELECT o.id, o.name, o.account_id, o.owner_id, o.stage, o.source, o.amount_eur::float8 AS amount, o.opened_at,
           o.stage_since, o.last_contact_at, o.contacts, o.decision_maker, o.competitors,
           coalesce(a.name, o.name) AS customer,
           (SELECT coalesce(sum(other.amount_eur), 0)::float8 FROM crm.opportunities other
            WHERE coalesce(other.account_id, other.id) = coalesce(o.account_id, o.id)
              AND (other.won IS NULL OR (other.won AND other.closed_at > %(at)s - interval '2 years'))) AS customer_value
    FROM crm.opportunities o LEFT JOIN crm.accounts a ON a.id = o.account_id
    WHERE o.closed_at IS NULL AND o.owner_id = ANY(%(reps)s) ORDER BY o.id
"""


class OutboxRankings:
    """What `CrmOpportunities` sends; whoever reads is a subclass."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def put_ranking(self, change_id: str, organisation: str, prioritisation_id: str) -> None:
        """See `CrmOpportunities.put_ranking`."""
        await self._work.send(
            CHANNEL, {"change_id": change_id, "organisation": organisation, "prioritisation_id": prioritisation_id}
        )

    async def recall_ranking(self, change_id: str, organisation: str) -> None:
        """See `CrmOpportunities.recall_ranking`."""
        await self._work.send(CHANNEL, {"change_id": change_id, "organisation": organisation, "undo": True})

    async def contacted(self, opportunity_ids: Sequence[str], at: datetime) -> None:
        """See `CrmOpportunities.contacted`."""
        await self._work.send(CHANNEL, {"contacted": list(opportunity_ids), "at": at.isoformat()})


class PostgresCrmOpportunities(OutboxRankings):
    """`CrmOpportunities` on the built-in CRM."""

    def __init__(self, database: CrmDatabase, work: Work) -> None:
        super().__init__(work)
        self._database = database

    async def open_of(self, rep_ids: Sequence[str], at: datetime) -> Sequence[Open]:
        """See `CrmOpportunities.open_of`."""
        async with self._database.transaction() as crm:
            cursor = await crm.execute(_OPEN.encode(), {"reps": list(rep_ids), "at": at})
            rows = await cursor.fetchall()
        return [
            Open(customer=row.pop("customer"), customer_value=row.pop("customer_value"), promised=False,
                 opportunity=Opportunity(**row))
            for row in rows
        ]  # fmt: skip

    async def cycles(self, rep_ids: Sequence[str], at: datetime) -> Sequence[tuple[float, float]]:
        """See `CrmOpportunities.cycles`."""
        async with self._database.transaction() as crm:
            cursor = await crm.execute(
                "SELECT extract(epoch FROM %(at)s - closed_at)::float8 / 86400 AS ago,"
                " extract(epoch FROM closed_at - opened_at)::float8 / 86400 AS took FROM crm.opportunities"
                " WHERE closed_at BETWEEN %(at)s - interval '120 days' AND %(at)s AND owner_id = ANY(%(reps)s)",
                {"at": at, "reps": list(rep_ids)},
            )
            return [(row["ago"], row["took"]) for row in await cursor.fetchall()]


class RankingDelivery:
    """Carries rankings to the CRM, takes them back there, and tells of contacts. The figures of a ranking are read from our
    tables, so that the outbox stays small.
    """

    def __init__(self, database: CrmDatabase, pool: Pool) -> None:
        self._database = database
        self._pool = pool

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row; a repeat changes nothing.

        Raises:
            CrmDown: the CRM did not answer.
            PermanentError: the payload is not one of ours.
        """
        wanted = row.payload
        if "contacted" in wanted:
            async with self._database.transaction() as crm:
                await _contacted(crm, row)
            return
        if not isinstance(wanted.get("change_id"), str) or "organisation" not in wanted:
            raise PermanentError("This ranking for the CRM names no change; drop it, or correct its payload.")
        ranked = [] if wanted.get("undo") else await self._ranked(wanted["prioritisation_id"])
        async with self._database.transaction() as crm:
            if wanted.get("undo"):
                # An undo that overtakes its ranking leaves an entry that keeps it out.
                await crm.execute(
                    "INSERT INTO crm.rankings (change_id, organisation, undone_at) VALUES (%s, %s, now())"
                    " ON CONFLICT (change_id) DO UPDATE SET undone_at = coalesce(crm.rankings.undone_at, now())",
                    (wanted["change_id"], wanted["organisation"]),
                )
                return
            put = await crm.execute(
                "INSERT INTO crm.rankings (change_id, organisation) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (wanted["change_id"], wanted["organisation"]),
            )
            if put.rowcount:
                async with crm.cursor() as cursor:
                    await cursor.executemany(
                        "INSERT INTO crm.ranked_opportunities (change_id, opportunity_id, rep_id, place, expected_value,"
                        " action) VALUES (%s, %s, %s, %s, %s, %s)",
                        [(wanted["change_id"], *one) for one in ranked],
                    )

    async def _ranked(self, prioritisation_id: str) -> list[tuple[Any, ...]]:  # Any: a row
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT opportunity_id, rep_id, place, expected_value, action FROM selling.ranked"
                " WHERE prioritisation_id = %s AND place IS NOT NULL",
                (prioritisation_id,),
            )
            return [tuple(row.values()) for row in await cursor.fetchall()]


async def _contacted(crm: AsyncConnection[DictRow], row: OutboxRow) -> None:
    seen = await crm.execute("INSERT INTO crm.rankings_told (change_id) VALUES (%s) ON CONFLICT DO NOTHING",
                             (row.external_id,))  # fmt: skip
    if seen.rowcount:
        await crm.execute(
            "UPDATE crm.opportunities SET last_contact_at = greatest(last_contact_at, %(at)s), contacts = contacts + 1"
            " WHERE id = ANY(%(ids)s)",
            {"ids": row.payload["contacted"], "at": row.payload["at"]},
        )
