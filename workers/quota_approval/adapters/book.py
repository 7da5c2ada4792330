"""The book of reviews on PostgreSQL (tables quotas.organisations, persons and reviews)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from psycopg.rows import class_row

from workers.office.calendar import office_calendar
from workers.quota_approval.domain.people import Person
from workers.quota_approval.domain.reviews import AdjustmentFacts, Organisation, Reason, Review, State
from workers.quota_approval.ports.book import QuotasUnderWay
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work


class PostgresQuotaBook:
    """`QuotaBook` on the job's connection."""

    def __init__(self, work: Work, *, sales_ops: Sequence[str]) -> None:
        self._work = work
        self._sales_ops = tuple(sales_ops)

    async def organisation(self, organisation: str) -> Organisation:
        """See `QuotaBook.organisation`."""
        cursor = await self._work.connection.execute(
            "SELECT * FROM quotas.organisations WHERE id = %s", (organisation,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"There is no organisation {organisation!r}. Load it by `fairlead quota load`, or correct the variable "
                "`organisation`, then retry."
            )
        return Organisation(
            row["id"],
            row["name"],
            row["currency"],
            row["timezone"],
            row["holidays"],
            tuple(row["targets"]),
            {group: tuple(addresses) for group, addresses in row["people"].items()},
            row["rules"],
            row["forecast_of"],
            row["territories_of"],
        )

    async def people(self, organisation: str) -> Sequence[Person]:
        """See `QuotaBook.people`."""
        async with self._work.connection.cursor(row_factory=class_row(Person)) as cursor:
            await cursor.execute(
                "SELECT login, name, email, role, node, substitute, away_from, away_until FROM quotas.persons"
                " WHERE organisation = %s ORDER BY login",
                (organisation,),
            )
            return await cursor.fetchall()

    async def open(
        self,
        quota_id: str,
        organisation: str,
        period: str,
        reason: Reason,
        asked_by: str,
        concerned: Sequence[str],
        at: datetime,
    ) -> None:
        """See `QuotaBook.open`."""
        connection = self._work.connection
        # The organisation's row stands for its reviews: of two openings at once the second one sees the first.
        await connection.execute("SELECT FROM quotas.organisations WHERE id = %s FOR UPDATE", (organisation,))
        # One that was withdrawn before its end could be noted, or whose instance is gone, keeps nobody waiting.
        await connection.execute(
            "UPDATE quotas.reviews r SET state = 'withdrawn', closed_at = %s WHERE organisation = %s"
            " AND state = 'open' AND EXISTS (SELECT FROM runtime.closed_cases WHERE business_id = r.quota_id)",
            (at, organisation),
        )
        cursor = await connection.execute(
            "INSERT INTO quotas.reviews (quota_id, organisation, period, reason, asked_by, concerned, opened_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (quota_id, organisation, period, reason, asked_by, list(concerned), at),
        )
        if cursor.rowcount == 1:
            return
        found = await connection.execute(
            "SELECT quota_id FROM quotas.reviews WHERE organisation = %s AND state = 'open'", (organisation,)
        )
        row = await found.fetchone()
        joined = row["quota_id"] if row else quota_id
        raise QuotasUnderWay(f"The review {joined} is under way.", variables={"joined": joined})

    async def review(self, quota_id: str) -> Review:
        """See `QuotaBook.review`."""
        cursor = await self._work.connection.execute(
            "SELECT quota_id, organisation, period, reason, asked_by, concerned, state, version, opened_at"
            " FROM quotas.reviews WHERE quota_id = %s",
            (quota_id,),
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(f"The review {quota_id} was never opened. Cancel this instance and ask for a new one.")
        return Review(**row | {"concerned": tuple(row["concerned"])})

    async def adjustments(self, organisation: str, period: str, at: datetime) -> AdjustmentFacts:
        """See `QuotaBook.adjustments`."""
        cursor = await self._work.connection.execute(
            "SELECT count(*) AS published, count(*) FILTER (WHERE reason = 'adjustment') AS adjustments,"
            " max(closed_at) AS last FROM quotas.reviews WHERE organisation = %s AND period = %s"
            " AND state = 'published'",
            (organisation, period),
        )
        row = await cursor.fetchone()
        assert row is not None  # an aggregate
        since = None if row["last"] is None else (at - row["last"]) / timedelta(days=1)
        return AdjustmentFacts(row["published"] > 0, row["adjustments"], since, 0.0, 0)

    async def close(self, quota_id: str, state: State, at: datetime) -> bool:
        """See `QuotaBook.close`."""
        cursor = await self._work.connection.execute(
            "UPDATE quotas.reviews SET state = %s, closed_at = %s WHERE quota_id = %s AND state = 'open'",
            (state, at, quota_id),
        )
        return cursor.rowcount == 1

    async def deadlines(self, organisation: str, minutes: Mapping[str, float], at: datetime) -> dict[str, datetime]:
        """See `QuotaBook.deadlines`."""
        found = await self.organisation(organisation)
        return office_calendar(found.timezone, found.holidays).deadlines(at, minutes)

    async def addresses(self, organisation: str, group: str) -> Sequence[str]:
        """See `QuotaBook.addresses`."""
        people = (await self.organisation(organisation)).people
        return tuple(people.get(group) or people.get("sales-ops") or self._sales_ops)
