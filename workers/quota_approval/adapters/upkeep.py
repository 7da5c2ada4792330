"""Upkeep on PostgreSQL: what was planned from (table quotas.inputs) against what would be collected now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workers.office.published import Source
from workers.quota_approval.adapters.asking import ask_adjustment
from workers.quota_approval.adapters.book import PostgresQuotaBook
from workers.quota_approval.adapters.inputs import PostgresInputDesk
from workers.quota_approval.domain.upkeep import DueAdjustment, due_adjustment, expectations, movements
from workers.quota_approval.ports.planning import InputsUnusable
from workers.runtime.work import Work

ASKED_BY = "upkeep"


class PostgresUpkeepDesk:
    """`UpkeepDesk` on the job's connection."""

    def __init__(self, work: Work, book: PostgresQuotaBook, inputs: PostgresInputDesk) -> None:
        self._work = work
        self._book = book
        self._inputs = inputs

    async def due(self, source: Source, of: str, least_percent: float, at: datetime) -> Sequence[DueAdjustment]:
        """See `UpkeepDesk.due`."""
        cursor = await self._work.connection.execute(
            "SELECT DISTINCT o.id, p.period FROM quotas.organisations o"
            " JOIN quotas.publications p ON p.organisation = o.id JOIN quotas.reviews r USING (quota_id)"
            " WHERE r.state = 'published' AND p.valid_until >= %s"
            " AND CASE %s WHEN 'forecast' THEN o.forecast_of ELSE o.territories_of END = %s ORDER BY o.id, p.period",
            (at.date(), source, of),
        )
        found: dict[str, DueAdjustment] = {}
        for row in await cursor.fetchall():
            one = await self._moved(row["id"], row["period"], least_percent)
            if one and (row["id"] not in found or abs(one.change_percent) > abs(found[row["id"]].change_percent)):
                found[row["id"]] = one
        return list(found.values())

    async def ask(self, due: DueAdjustment, at: datetime) -> str:
        """See `UpkeepDesk.ask`."""
        quota_id, _ = await ask_adjustment(
            self._work.connection, due.organisation, due.period, due.concerned, due.change_percent, ASKED_BY, at
        )
        return quota_id

    async def _moved(self, organisation: str, period: str, least_percent: float) -> DueAdjustment | None:
        before = await self._inputs.planned_from(organisation, period)
        try:
            now, _ = await self._inputs.tables(await self._book.organisation(organisation), period, before)
        except InputsUnusable:  # whoever plans next is told why
            return None
        moved = movements(expectations(before, period), expectations(now, period))
        return due_adjustment(organisation, period, moved, least_percent)
