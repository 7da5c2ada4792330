"""The lists of reps on PostgreSQL (table selling.ranked)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workers.office import promises, reps
from workers.office.promises import Promise
from workers.office.reps import Rep
from workers.opportunity_prioritisation.domain.lists import AnswerRow, RepList
from workers.opportunity_prioritisation.ports.lists import Row
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work


class PostgresListDesk:
    """`ListDesk` on the job's connection."""

    def __init__(self, work: Work, *, sales_ops: Sequence[str]) -> None:
        self._work = work
        self._sales_ops = tuple(sales_ops)

    async def lists(self, prioritisation_id: str) -> Sequence[RepList]:
        """See `ListDesk.lists`."""
        cursor = await self._work.connection.execute(
            "SELECT k.rep_id, r.login AS assignee, count(*)::int AS count FROM selling.ranked k"
            " JOIN routing.reps r ON r.id = k.rep_id WHERE k.prioritisation_id = %s AND k.place IS NOT NULL"
            " GROUP BY k.rep_id, r.login ORDER BY k.rep_id",
            (prioritisation_id,),
        )
        return [RepList(**row) for row in await cursor.fetchall()]

    async def rows(self, prioritisation_id: str, rep_id: str) -> Sequence[Row]:
        """See `ListDesk.rows`."""
        cursor = await self._work.connection.execute(
            "SELECT place, opportunity_id, facts->'opportunity'->>'name' AS name, facts->>'customer' AS customer,"
            " facts->'opportunity'->>'stage' AS stage, (facts->'opportunity'->>'amount')::float8 AS amount, chance,"
            " expected_value, minutes, action, why FROM selling.ranked"
            " WHERE prioritisation_id = %s AND rep_id = %s AND place IS NOT NULL ORDER BY place",
            (prioritisation_id, rep_id),
        )
        return [Row(**row) for row in await cursor.fetchall()]

    async def rep(self, rep_id: str) -> Rep:
        """See `ListDesk.rep`."""
        found = await reps.find(self._work.connection, rep_id)
        if found is None:
            raise PermanentError(f"The rep {rep_id} is gone. Give the list's opportunities to others, then cancel it.")
        return found

    async def addresses(self, rep_id: str, group: str) -> Sequence[str]:
        """See `ListDesk.addresses`."""
        found = await reps.find(self._work.connection, rep_id)
        address = None if found is None else found.manager_email if group == "sales-managers" else found.email
        return (address,) if address else self._sales_ops

    async def answer(
        self, prioritisation_id: str, rep_id: str, answers: Sequence[AnswerRow], by: str, at: datetime
    ) -> None:
        """See `ListDesk.answer`."""
        said = {one.opportunity_id: one for one in answers}
        async with self._work.connection.cursor() as cursor:
            await cursor.execute(
                "UPDATE selling.ranked SET said = 'later', said_by = %s, said_at = %s"
                " WHERE prioritisation_id = %s AND rep_id = %s AND place IS NOT NULL",
                (by, at, prioritisation_id, rep_id),
            )
            await cursor.executemany(
                "UPDATE selling.ranked SET said = %s, said_why = %s WHERE prioritisation_id = %s AND opportunity_id = %s",
                [(one.said, one.said_why, prioritisation_id, name) for name, one in said.items()],
            )

    async def promise(self, row: Row, rep: Rep, by: datetime, said_by: str, note: str) -> bool:
        """See `ListDesk.promise`."""
        made = Promise("opportunity", row.opportunity_id, rep.id, row.customer, "call", by, note, said_by)
        return await promises.promise(self._work.connection, made)
