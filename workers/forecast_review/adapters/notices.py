"""Addresses from the organisation's row (table forecasting.organisations)."""

from __future__ import annotations

from collections.abc import Sequence

from workers.runtime.work import Work


class PostgresNoticeDesk:
    """`NoticeDesk` on the job's connection."""

    def __init__(self, work: Work, *, sales_ops: Sequence[str], camunda_url: str) -> None:
        self._work = work
        self._sales_ops = tuple(sales_ops)
        self.tasks = f"{camunda_url}/tasklist"

    async def addresses(self, forecast_id: str, group: str, person: str | None = None) -> Sequence[str]:
        """See `NoticeDesk.addresses`."""
        if person and "@" in person:
            return (person,)
        cursor = await self._work.connection.execute(
            "SELECT o.people FROM forecasting.reviews r JOIN forecasting.organisations o ON o.id = r.organisation"
            " WHERE r.forecast_id = %s",
            (forecast_id,),
        )
        row = await cursor.fetchone()
        people = row["people"] if row else {}
        return tuple(people.get(group) or people.get("sales-ops") or self._sales_ops)
