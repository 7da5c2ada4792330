"""Facts and needs on PostgreSQL (table forecasting.segment_facts). `facts` of the numbers layer is imported when used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

from psycopg.types.json import Jsonb

from workers.forecast_review.domain.needs import PAGE, Fact, Need, Segments, ToReview, chosen
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

NOTABLE = 10
"""Changes that are told in words."""


class PostgresNeedDesk:
    """`NeedDesk` on the job's connection; `page` reads beside it."""

    def __init__(self, work: Work, pool: Pool) -> None:
        self._work = work
        self._pool = pool

    async def explain(self, forecast_id: str, version: str) -> Segments:
        """See `NeedDesk.explain`."""
        from workers.forecast_review.forecasting import store  # noqa: PLC0415 - see the module's docstring
        from workers.forecast_review.forecasting.facts import plain_series, segment_facts  # noqa: PLC0415

        connection = self._work.connection
        forecast = await store.load(connection, version)
        before = await self._published_before(forecast_id)
        previous = await store.load(connection, before) if before not in {None, version} else None
        found = await asyncio.to_thread(segment_facts, forecast, previous)
        known = forecast.history.groupby("segment", sort=False).size()
        series = await asyncio.to_thread(plain_series, forecast)
        bias = await self._bias_of_overrides(forecast_id)
        rows = [
            asdict(fact) | {"months_known": int(known[fact.segment]), "override_bias": bias.get(fact.segment)}
            for fact in found
        ]
        await connection.execute("DELETE FROM forecasting.segment_facts WHERE forecast_id = %s", (forecast_id,))
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO forecasting.segment_facts (forecast_id, version, place, segment, facts, series)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    (forecast_id, version, place, row["segment"], Jsonb(row), Jsonb(series[row["segment"]]))
                    for place, row in enumerate(rows)
                ],
            )
        pages = tuple(range(1, -(-len(rows) // PAGE) + 1))
        moved = sorted((fact for fact in found if fact.change), key=lambda fact: -abs((fact.change or 0) * fact.share))
        words = tuple(f"{fact.segment}: {fact.change:+.1%}; {'; '.join(fact.why)}" for fact in moved[:NOTABLE])
        return Segments(len(rows), pages, words)

    async def page(self, forecast_id: str, version: str, page: int) -> Sequence[Fact]:
        """See `NeedDesk.page`."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT facts FROM forecasting.segment_facts WHERE forecast_id = %s AND version = %s"
                " AND place >= %s AND place < %s ORDER BY place",
                (forecast_id, version, (page - 1) * PAGE, page * PAGE),
            )
            rows = await cursor.fetchall()
        if not rows:
            raise PermanentError(
                f"The facts of {version} have no page {page}; the task explain_forecast must run before."
            )
        return [Fact.of(row["facts"]) for row in rows]

    async def note(self, forecast_id: str, version: str, needs: Sequence[Need]) -> None:
        """See `NeedDesk.note`."""
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                "UPDATE forecasting.segment_facts SET review = %s, priority = %s, reviewer_group = %s, why = %s"
                " WHERE forecast_id = %s AND version = %s AND segment = %s",
                [
                    (need.review, need.priority, need.reviewer_group, need.why, forecast_id, version, need.segment)
                    for need in needs
                ],
            )

    async def to_review(self, forecast_id: str, version: str, share: float) -> tuple[list[ToReview], int]:
        """See `NeedDesk.to_review`."""
        cursor = await self._work.connection.execute(
            "SELECT segment, review, priority, reviewer_group, why FROM forecasting.segment_facts"
            " WHERE forecast_id = %s AND version = %s ORDER BY place",
            (forecast_id, version),
        )
        needs = [Need(**row) for row in await cursor.fetchall()]
        open_ = [need.segment for need in needs if need.review is None]
        if open_:
            raise PermanentError(
                f"The decision table said nothing of {len(open_)} segments, first {open_[0]}. Let the pages run again."
            )
        taken = chosen(needs, share)
        await self._work.connection.execute(
            "UPDATE forecasting.segment_facts SET to_review = segment = ANY(%s) WHERE forecast_id = %s AND version = %s",
            ([need.segment for need in taken], forecast_id, version),
        )
        return [ToReview(need.segment, need.reviewer_group, None) for need in taken], len(needs) - len(taken)

    async def _bias_of_overrides(self, forecast_id: str) -> dict[str, float]:
        cursor = await self._work.connection.execute(
            "SELECT j.segment, avg(j.bias) / 100 AS bias FROM forecasting.judged j"
            " JOIN forecasting.publications p ON p.version = j.version"
            " JOIN forecasting.reviews r ON r.organisation = p.organisation"
            " WHERE r.forecast_id = %s AND j.step = 'override' AND j.person IS NOT NULL AND j.bias IS NOT NULL"
            " GROUP BY j.segment",
            (forecast_id,),
        )
        return {row["segment"]: float(row["bias"]) for row in await cursor.fetchall()}

    async def _published_before(self, forecast_id: str) -> str | None:
        cursor = await self._work.connection.execute(
            "SELECT before.version FROM forecasting.reviews mine JOIN forecasting.reviews before"
            " ON before.organisation = mine.organisation AND before.forecast_id <> mine.forecast_id"
            " WHERE mine.forecast_id = %s AND before.state = 'published' ORDER BY before.opened_at DESC LIMIT 1",
            (forecast_id,),
        )
        row = await cursor.fetchone()
        return None if row is None else str(row["version"])
