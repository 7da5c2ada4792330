"""The book of reviews on PostgreSQL (tables forecasting.organisations and reviews)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from workers.forecast_review.adapters.sales import organisation_of
from workers.forecast_review.domain.organisation import Organisation, Reason, Review, State
from workers.forecast_review.ports.book import ReviewUnderWay
from workers.office.calendar import office_calendar
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work


class PostgresReviewBook:
    """`ReviewBook` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def organisation(self, organisation: str) -> Organisation:
        """See `ReviewBook.organisation`."""
        cursor = await self._work.connection.execute(
            "SELECT * FROM forecasting.organisations WHERE id = %s", (organisation,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"There is no organisation {organisation!r}. Load it by `fairlead forecast load`, or correct the variable "
                "`organisation`, then retry."
            )
        return organisation_of(row)

    async def open(self, forecast_id: str, organisation: str, reason: Reason, asked_by: str, at: datetime) -> None:
        """See `ReviewBook.open`."""
        connection = self._work.connection
        # The organisation's row stands for its reviews: of two openings at once the second one sees the first.
        await connection.execute("SELECT FROM forecasting.organisations WHERE id = %s FOR UPDATE", (organisation,))
        # One that was withdrawn before its end could be noted, or whose instance is gone, keeps nobody waiting.
        await connection.execute(
            "UPDATE forecasting.reviews r SET state = 'withdrawn', closed_at = %s WHERE organisation = %s"
            " AND state = 'open' AND EXISTS (SELECT FROM runtime.closed_cases WHERE business_id = r.forecast_id)",
            (at, organisation),
        )
        cursor = await connection.execute(
            "INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, opened_at)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (forecast_id, organisation, reason, asked_by, at),
        )
        if cursor.rowcount == 1:
            return
        found = await connection.execute(
            "SELECT forecast_id FROM forecasting.reviews WHERE organisation = %s AND state = 'open'", (organisation,)
        )
        row = await found.fetchone()
        joined = row["forecast_id"] if row else forecast_id
        raise ReviewUnderWay(f"The review {joined} is under way.", variables={"joined": joined})

    async def review(self, forecast_id: str) -> Review:
        """See `ReviewBook.review`."""
        cursor = await self._work.connection.execute(
            "SELECT forecast_id, organisation, reason, asked_by, state, opened_at FROM forecasting.reviews"
            " WHERE forecast_id = %s",
            (forecast_id,),
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"The review {forecast_id} was never opened. Cancel this instance and ask for a new one."
            )
        return Review(**row)

    async def close(self, forecast_id: str, state: State, at: datetime) -> bool:
        """See `ReviewBook.close`."""
        cursor = await self._work.connection.execute(
            "UPDATE forecasting.reviews SET state = %s, closed_at = %s WHERE forecast_id = %s AND state = 'open'",
            (state, at, forecast_id),
        )
        return cursor.rowcount == 1

    async def deadlines(self, organisation: str, minutes: Mapping[str, float], at: datetime) -> dict[str, datetime]:
        """See `ReviewBook.deadlines`."""
        found = await self.organisation(organisation)
        return office_calendar(found.timezone, found.holidays).deadlines(at, minutes)
