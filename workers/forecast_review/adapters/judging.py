"""Judging on PostgreSQL (table forecasting.judged).

The numbers layer is imported when first used: every worker of this context imports this module, only one judges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter
from psycopg.rows import DictRow

from workers.forecast_review.adapters.asking import ask_review
from workers.forecast_review.adapters.history import booked_sales, stored_sales
from workers.forecast_review.domain.composing import members
from workers.forecast_review.domain.organisation import Organisation, Reason
from workers.forecast_review.domain.upkeep import (
    Accuracy,
    Cells,
    Health,
    PublishedSegment,
    Step,
    accuracy,
    with_sums,
    words,
)
from workers.office.systems import ErpDatabase
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

if TYPE_CHECKING:
    from workers.forecast_review.forecasting.forecast import Forecast
    from workers.forecast_review.forecasting.judging import Judged


@dataclass(frozen=True, slots=True)
class _Published:
    """The version that an organisation works with."""

    version: str
    run_version: str
    months: Sequence[str]
    segments: Sequence[PublishedSegment]
    champions: Mapping[str, str]
    overrides: Mapping[str, Mapping[str, Any]]  # Any: JSON
    """Segment → what a person asked for there."""


class PostgresJudgingDesk:
    """`JudgingDesk` on the job's connection."""

    def __init__(self, work: Work, erp: ErpDatabase) -> None:
        self._work = work
        self._erp = erp

    async def organisations(self, only: str | None) -> Sequence[str]:
        """See `JudgingDesk.organisations`."""
        cursor = await self._work.connection.execute(
            """
            SELECT id FROM forecasting.organisations o
            WHERE CASE WHEN %(only)s::text IS NULL THEN schedule <> '' OR EXISTS (
                    SELECT FROM forecasting.publications p JOIN forecasting.sendings s USING (version)
                    WHERE p.organisation = o.id AND s.state = 'delivered')
                ELSE id = %(only)s END
            ORDER BY id
            """,
            {"only": only},
        )
        found = [row["id"] for row in await cursor.fetchall()]
        if only is not None and not found:
            raise PermanentError(f"There is no organisation {only!r}. Cancel this instance.")
        return found

    async def judge(self, organisation: Organisation, now: datetime) -> Health:
        """See `JudgingDesk.judge`."""
        sales = await (
            booked_sales(self._erp, organisation.id)
            if organisation.source == "erp"
            else stored_sales(self._work.connection, organisation.id)
        )
        opened_at, under_way = await self._last_review(organisation.id)
        published = await self._published(organisation.id)
        found, ratio, new_months = None, None, 0
        if published is not None:
            actuals = {
                (row["segment"], f"{row['month']:%Y-%m}"): row["value"] for row in sales if row["value"] is not None
            }
            found = accuracy(published.months, published.segments, actuals)
            forecast = await self._forecast(published.run_version)
            new_months = len({month for _, month in actuals if month > forecast.end})
            if found is not None:
                below = members([one.segment for one in published.segments])
                ratio = await self._keep(published, forecast, with_sums(below, published.months, actuals))
        return Health(
            version=published.version if published else None,
            under_way=under_way,
            due=bool(sales) and _due(organisation, opened_at, now),
            news=any(opened_at is None or row["came_at"] > opened_at for row in sales),
            new_months=new_months,
            months=found.months if found else 0,
            wape=_rounded(found, "final"),
            naive_wape=_rounded(found, "naive"),
            people_added=round(found.wape["base"] - found.wape["final"], 3) if found else None,
            error_ratio=ratio,
            worse_share=round(found.worse_share, 4) if found else None,
            cover80=round(found.cover80, 2) if found and found.cover80 is not None else None,
            change_percent=round(found.change_percent, 3) if found else None,
            words=words(found, error_ratio=ratio, new_months=new_months),
        )

    async def ask(self, organisation: str, reason: Reason, asked_by: str, now: datetime) -> str:
        """See `JudgingDesk.ask`."""
        forecast_id, _ = await ask_review(self._work.connection, organisation, reason, asked_by, now)
        return forecast_id

    async def _last_review(self, organisation: str) -> tuple[datetime | None, bool]:
        """When the last review began, and whether one is open."""
        cursor = await self._work.connection.execute(
            "SELECT max(opened_at) AS opened_at, coalesce(bool_or(state = 'open'), false) AS under_way"
            " FROM forecasting.reviews WHERE organisation = %s",
            (organisation,),
        )
        row = await cursor.fetchone()
        assert row is not None  # an aggregate
        return row["opened_at"], row["under_way"]

    async def _published(self, organisation: str) -> _Published | None:
        cursor = await self._work.connection.execute(
            """
            SELECT version, run_version, months FROM forecasting.publications p
            WHERE organisation = %s AND EXISTS (
                SELECT FROM forecasting.sendings s WHERE s.version = p.version AND s.state = 'delivered')
            ORDER BY id DESC LIMIT 1
            """,
            (organisation,),
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        found = await self._work.connection.execute(
            "SELECT segment, bottom, champion, naive, model, base, final, lo80, hi80, override"
            " FROM forecasting.published_segments WHERE version = %s ORDER BY place",
            (row["version"],),
        )
        rows = await found.fetchall()
        return _Published(
            **row,
            segments=[_segment(one) for one in rows],
            champions={one["segment"]: one["champion"] for one in rows},
            overrides={one["segment"]: one["override"] for one in rows if one["override"] is not None},
        )

    async def _forecast(self, run_version: str) -> Forecast:
        from workers.forecast_review.forecasting import store  # noqa: PLC0415 - see the module's docstring

        return await store.load(self._work.connection, run_version)

    async def _keep(self, published: _Published, forecast: Forecast, actuals: Cells) -> float | None:
        """Keep each segment's figures; how large errors are in relation to those of the backtests."""
        from workers.forecast_review.forecasting.judging import judge  # noqa: PLC0415 - see the module's docstring

        layers = {
            "override": {(name, month): value for name, one in published.overrides.items()
                         for month, value in one["values"].items()},
            "final": {(one.segment, month): one.final[place] for one in published.segments
                      for place, month in enumerate(published.months)},
        }  # fmt: skip
        judged = await asyncio.to_thread(judge, forecast, actuals, layers)
        until = max(month for name, month in actuals if month in published.months)
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO forecasting.judged (version, until, segment, step, champion, person, months, wape, mase,
                    bias, value_added, cover80, cover95)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (version, until, segment, step) DO UPDATE SET months = excluded.months,
                    wape = excluded.wape, mase = excluded.mase, bias = excluded.bias,
                    value_added = excluded.value_added, cover80 = excluded.cover80, cover95 = excluded.cover95,
                    judged_at = clock_timestamp()
                """,
                [
                    (
                        *(published.version, until, one.segment, one.step, published.champions[one.segment]),
                        published.overrides.get(one.segment, {}).get("by"),
                        *(one.months, one.wape, one.mase, one.bias, one.value_added, one.cover80, one.cover95),
                    )
                    for one in judged
                ],
            )
        return _ratio(judged, published, forecast)


def _ratio(judged: Sequence[Judged], published: _Published, forecast: Forecast) -> float | None:
    backtests = forecast.accuracy.set_index("model").loc["published"]
    expected = float(backtests["mase"]) if int(backtests["series"]) else 0.0
    bottom = {one.segment for one in published.segments if one.bottom}
    now = [one.mase for one in judged if one.step == "final" and one.segment in bottom and one.mase is not None]
    return round(sum(now) / len(now) / expected, 3) if now and expected > 0 else None


def _due(organisation: Organisation, opened_at: datetime | None, now: datetime) -> bool:
    """Whether the schedule has come since the last review began."""
    if not organisation.schedule:
        return False
    here = now.astimezone(ZoneInfo(organisation.timezone))
    try:
        last: datetime = croniter(organisation.schedule, here).get_prev(datetime)
    except CroniterError as error:
        raise PermanentError(
            f"The schedule of {organisation.id}, {organisation.schedule!r}, is no cron expression ({error}). Correct it "
            "in forecasting.organisations, then retry."
        ) from error
    return opened_at is None or last.astimezone(UTC) > opened_at


def _segment(row: DictRow) -> PublishedSegment:
    return PublishedSegment(
        **{name: row[name] for name in ("segment", "bottom", "naive", "model", "base", "final", "lo80", "hi80")}
    )


def _rounded(found: Accuracy | None, step: Step) -> float | None:
    return round(found.wape[step], 3) if found else None
