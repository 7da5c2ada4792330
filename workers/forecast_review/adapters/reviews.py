"""Answers and changes on PostgreSQL (tables forecasting.answers and overrides)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.domain.reviews import Answer, ApprovedChange, Change, Earlier, Reason, SegmentCase
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

_CLOSE_ANSWERS = """
INSERT INTO forecasting.answers (forecast_id, review_key, segment, answer, decided_at)
SELECT forecast_id, %(prefix)s || segment || '/closed', segment, 'closed', %(at)s
FROM forecasting.segment_facts f
WHERE forecast_id = %(forecast_id)s AND version = %(version)s AND to_review AND NOT EXISTS (
    SELECT FROM forecasting.answers a WHERE a.forecast_id = f.forecast_id AND a.segment = f.segment
    AND starts_with(a.review_key, %(prefix)s) AND a.answer <> 'hand_over')
RETURNING segment
"""
_FORMER = """
SELECT month, figure FROM (
    SELECT version, months FROM forecasting.publications p
    WHERE organisation = (SELECT organisation FROM forecasting.reviews WHERE forecast_id = %(forecast_id)s)
    AND forecast_id <> %(forecast_id)s
    AND EXISTS (SELECT FROM forecasting.sendings s WHERE s.version = p.version AND s.state = 'delivered')
    ORDER BY id DESC LIMIT 1
) former JOIN forecasting.published_segments s USING (version), unnest(former.months, s.final) AS f (month, figure)
WHERE s.segment = %(segment)s
"""


class PostgresReviewDesk:
    """`ReviewDesk` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def case(self, forecast_id: str, version: str, segment: str) -> SegmentCase:
        """See `ReviewDesk.case`."""
        cursor = await self._work.connection.execute(
            "SELECT facts, series, why FROM forecasting.segment_facts"
            " WHERE forecast_id = %s AND version = %s AND segment = %s",
            (forecast_id, version, segment),
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"{version} has no segment {segment!r}. Correct the variable `review` of this instance, then retry."
            )
        series = row["series"]
        return SegmentCase(
            segment=segment,
            level=row["facts"]["level"],
            months=series["months"],
            base=series["value"],
            low=series["lo80"],
            high=series["hi80"],
            history=series["history"],
            former=await self._former(forecast_id, segment),
            facts=row["facts"],
            need_why=row["why"] or "",
            earlier=await self._earlier(forecast_id, segment),
        )

    async def answer(
        self, forecast_id: str, review_key: str, segment: str, answer: Answer, *, by: str, note: str, at: datetime
    ) -> None:
        """See `ReviewDesk.answer`."""
        await self._work.connection.execute(
            "INSERT INTO forecasting.answers (forecast_id, review_key, segment, answer, by_whom, note, decided_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (forecast_id, review_key, segment, answer, by, note, at),
        )
        if answer != "hand_over":
            await self._work.connection.execute(
                "UPDATE forecasting.overrides SET state = 'replaced' WHERE forecast_id = %s AND segment = %s"
                " AND state IN ('proposed', 'approved')",
                (forecast_id, segment),
            )

    async def propose(
        self,
        forecast_id: str,
        review_key: str,
        segment: str,
        change: Change,
        *,
        reason: Reason,
        note: str,
        by: str,
        at: datetime,
    ) -> None:
        """See `ReviewDesk.propose`."""
        await self._work.connection.execute(
            'INSERT INTO forecasting.overrides (forecast_id, review_key, segment, "values", percent, amount, reason,'
            " note, by_whom, decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(forecast_id, review_key, segment, Jsonb(dict(change.values)), change.percent, change.amount),
                *(reason, note, by, at),
            ),
        )

    async def settle(self, forecast_id: str, review_key: str, *, approved: bool, by: str, comment: str) -> bool:
        """See `ReviewDesk.settle`."""
        cursor = await self._work.connection.execute(
            "UPDATE forecasting.overrides SET state = %s, approved_by = %s, approval_comment = %s"
            " WHERE forecast_id = %s AND review_key = %s AND state = 'proposed'",
            ("approved" if approved else "rejected", by, comment, forecast_id, review_key),
        )
        return cursor.rowcount == 1

    async def close(self, forecast_id: str, version: str, release: int, at: datetime) -> Sequence[str]:
        """See `ReviewDesk.close`."""
        connection = self._work.connection
        await connection.execute(
            "UPDATE forecasting.overrides SET state = 'rejected', approval_comment = 'Time was up.'"
            " WHERE forecast_id = %s AND state = 'proposed'",
            (forecast_id,),
        )
        cursor = await connection.execute(
            _CLOSE_ANSWERS, {"prefix": f"{release}/", "at": at, "forecast_id": forecast_id, "version": version}
        )
        return sorted(row["segment"] for row in await cursor.fetchall())

    async def changes(self, forecast_id: str) -> Sequence[ApprovedChange]:
        """See `ReviewDesk.changes`."""
        cursor = await self._work.connection.execute(
            "SELECT segment, percent, reason, by_whom AS by, approved_by FROM forecasting.overrides"
            " WHERE forecast_id = %s AND state = 'approved' ORDER BY abs(amount) DESC, segment",
            (forecast_id,),
        )
        return [ApprovedChange(**row) for row in await cursor.fetchall()]

    async def again(self, forecast_id: str, version: str, at_least: int) -> Sequence[ToReview]:
        """See `ReviewDesk.again`."""
        cursor = await self._work.connection.execute(
            "UPDATE forecasting.segment_facts SET to_review = true WHERE forecast_id = %(forecast_id)s"
            " AND version = %(version)s AND (to_review OR segment IN ("
            "    SELECT segment FROM forecasting.segment_facts WHERE forecast_id = %(forecast_id)s"
            "    AND version = %(version)s AND NOT EXISTS (SELECT FROM forecasting.segment_facts"
            "        WHERE forecast_id = %(forecast_id)s AND version = %(version)s AND to_review)"
            "    ORDER BY priority DESC, place LIMIT %(at_least)s))"
            " RETURNING segment, reviewer_group, priority",
            {"forecast_id": forecast_id, "version": version, "at_least": at_least},
        )
        rows = sorted(await cursor.fetchall(), key=lambda row: (-row["priority"], row["segment"]))
        return [ToReview(row["segment"], row["reviewer_group"], None) for row in rows]

    async def _former(self, forecast_id: str, segment: str) -> Mapping[str, float]:
        cursor = await self._work.connection.execute(_FORMER, {"forecast_id": forecast_id, "segment": segment})
        return {row["month"]: row["figure"] for row in await cursor.fetchall()}

    async def _earlier(self, forecast_id: str, segment: str) -> Earlier | None:
        cursor = await self._work.connection.execute(
            'SELECT "values", by_whom AS by, state FROM forecasting.overrides WHERE forecast_id = %s AND segment = %s'
            " AND state <> 'replaced' ORDER BY decided_at DESC LIMIT 1",
            (forecast_id, segment),
        )
        row = await cursor.fetchone()
        return None if row is None else Earlier(**row)
