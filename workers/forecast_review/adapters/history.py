"""Sales and collections on PostgreSQL, and the built-in ERP (schema erp).

The numbers layer is imported when
first used: every worker of this context imports this module, only one collects and checks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import astuple
from datetime import date
from typing import TYPE_CHECKING

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from workers.forecast_review.domain.history import FRESH, WORST, Finding, Findings, History, RuleCount
from workers.forecast_review.domain.organisation import Organisation
from workers.forecast_review.ports.history import HistoryUnavailable, NoUsableHistory
from workers.office.systems import ErpDatabase, ErpDown
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

if TYPE_CHECKING:
    from workers.forecast_review.forecasting import checks
    from workers.forecast_review.forecasting.history import History as Series
    from workers.forecast_review.forecasting.reading import Reading

ERP_TRIES = 4
"""Before a person is asked."""


async def stored_sales(connection: AsyncConnection[DictRow], organisation: str) -> list[DictRow]:
    """Sales from our own table: segment, month (its first day), value, and when that came."""
    cursor = await connection.execute(
        "SELECT segment, month, value, received_at AS came_at FROM forecasting.sales WHERE organisation = %s"
        " ORDER BY segment, month",
        (organisation,),
    )
    return await cursor.fetchall()


async def booked_sales(erp: ErpDatabase, organisation: str) -> list[DictRow]:
    """The same from the ERP; a value may be missing there.

    Raises:
        ErpDown: it did not answer.
    """
    async with erp.transaction() as connection:
        cursor = await connection.execute(
            "SELECT segment, month, amount AS value, booked_at AS came_at FROM erp.sales WHERE organisation = %s"
            " ORDER BY segment, month",
            (organisation,),
        )
        return await cursor.fetchall()


class PostgresHistoryDesk:
    """`HistoryDesk` on the job's connection."""

    def __init__(self, work: Work, erp: ErpDatabase) -> None:
        self._work = work
        self._erp = erp

    async def collect(self, forecast_id: str, collection: int, organisation: Organisation, *, today: date) -> History:
        """See `HistoryDesk.collect`."""
        from workers.forecast_review.forecasting import months, packing  # noqa: PLC0415 - see the module's docstring

        rows = await (self._booked(organisation.id) if organisation.source == "erp" else self._stored(organisation.id))
        reading = await asyncio.to_thread(_read, rows, organisation, today)
        series = reading.history
        history_id = f"{forecast_id}/{collection}"
        await self._work.connection.execute(
            "INSERT INTO forecasting.collections (history_id, forecast_id, organisation, raw_digest, content, problems)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (
                history_id,
                forecast_id,
                organisation.id,
                series.sha256,
                packing.pack(series),
                Jsonb([astuple(problem) for problem in reading.problems]),
            ),
        )
        return History(
            history_id=history_id,
            name=series.name,
            series=len(series.series),
            months=series.end - series.start + 1,
            first=months.text(series.start),
            last=months.text(series.end),
            unusable_rows=len(reading.problems),
            raw_digest=series.sha256,
        )

    async def check(self, history_id: str) -> Findings:
        """See `HistoryDesk.check`."""
        series = await self._series(history_id)
        found = await asyncio.to_thread(_check, series)
        await self._work.connection.execute("DELETE FROM forecasting.findings WHERE history_id = %s", (history_id,))
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO forecasting.findings (history_id, place, series, month, rule, severity, text, value, proposal)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (history_id, place, f.series, _day(f.month), f.rule, f.severity, f.text, f.value, f.proposal)
                    for place, f in enumerate(found)
                ],
            )
        return _findings(found, series)

    async def repair(self, history_id: str, decided_by: str) -> int:
        """See `HistoryDesk.repair`."""
        from workers.forecast_review.forecasting.repairs import repair  # noqa: PLC0415 - see the module's docstring

        series = await self._series(history_id)
        repaired = await asyncio.to_thread(lambda: repair(series, _check(series)))
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO forecasting.repairs (history_id, series, month, rule, before, after, decided_by)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    (history_id, one.series, _day(one.month), one.rule, one.before, one.after, decided_by)
                    for one in repaired.repairs
                ],
            )
        return len(repaired.repairs)

    async def _stored(self, organisation: str) -> list[DictRow]:
        return await stored_sales(self._work.connection, organisation)

    async def _booked(self, organisation: str) -> list[DictRow]:
        tries = AsyncRetrying(
            retry=retry_if_exception_type(ErpDown),
            stop=stop_after_attempt(ERP_TRIES),
            wait=wait_random_exponential(max=5),
            reraise=True,
        )
        try:
            async for attempt in tries:
                with attempt:
                    return await booked_sales(self._erp, organisation)
        except ErpDown as error:
            why = f"The ERP does not answer: {error}"
            raise HistoryUnavailable(why, variables={"history_why": why}) from error
        raise AssertionError  # tenacity returns or raises

    async def _series(self, history_id: str) -> Series:
        from workers.forecast_review.forecasting.packing import unpack  # noqa: PLC0415 - see the module's docstring

        cursor = await self._work.connection.execute(
            "SELECT content FROM forecasting.collections WHERE history_id = %s", (history_id,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(f"There is no collection {history_id}; the task collect_history must run before.")
        return await asyncio.to_thread(unpack, bytes(row["content"]))


def _read(rows: Sequence[DictRow], organisation: Organisation, today: date) -> Reading:
    """Rows to series. Raises NoUsableHistory."""
    from workers.forecast_review.forecasting.errors import ForecastError  # noqa: PLC0415 - see the module's docstring
    from workers.forecast_review.forecasting.history import SEPARATOR  # noqa: PLC0415
    from workers.forecast_review.forecasting.layout import Layout, Month, Value  # noqa: PLC0415
    from workers.forecast_review.forecasting.reading import history_from_rows  # noqa: PLC0415

    layout = Layout(
        name=organisation.id,
        segments=("segment",),
        separator=SEPARATOR,
        levels=organisation.levels,
        groups=organisation.groups,
        month=Month(column="month", formats=("%Y-%m-%d",)),
        value=Value(column="value", unit=organisation.unit),
    )
    cells = [(row["segment"], row["month"], None if row["value"] is None else repr(row["value"])) for row in rows]
    try:
        return history_from_rows(
            cells, ("segment", "month", "value"), layout, f"sales of {organisation.id}", today=today
        )
    except ForecastError as error:
        why = f"Nothing can be forecast: {error}."
        raise NoUsableHistory(why, variables={"history_why": why}) from error


def _check(series: Series) -> list[checks.Finding]:
    """All findings, the worst first."""
    from workers.forecast_review.forecasting.checks import check  # noqa: PLC0415 - see the module's docstring
    from workers.forecast_review.forecasting.history import HARM  # noqa: PLC0415

    return sorted(check(series), key=lambda found: HARM[found.severity])


def _findings(found: Sequence[checks.Finding], history: Series) -> Findings:
    from workers.forecast_review.forecasting import months  # noqa: PLC0415 - see the module's docstring

    by_rule: dict[str, int] = {}
    for one in found:
        by_rule[one.rule] = by_rule.get(one.rule, 0) + 1
    series = len(history.series)
    months_of_all = sum(len(one.values) for one in history.series.values())
    repairable = sum(one.proposal is not None for one in found)
    odd = [one for one in found if one.severity != "info"]
    fresh = {one.series for one in odd if one.month is not None and one.month > history.end - FRESH}
    return Findings(
        errors=sum(one.severity == "error" for one in found),
        warnings=sum(one.severity == "warning" for one in found),
        repairable=repairable,
        late_series=len({one.series for one in found if one.rule == "late_data"}),
        share_affected=round(len({one.series for one in odd}) / series, 4),
        share_fresh=round(len(fresh) / series, 4),
        share_repairable=round(repairable / months_of_all, 4),
        by_rule=tuple(RuleCount(rule, count) for rule, count in sorted(by_rule.items(), key=lambda item: -item[1])),
        worst=tuple(
            Finding(
                series=one.series,
                month=None if one.month is None else months.text(one.month),
                rule=one.rule,
                severity=one.severity,
                text=one.text,
                value=one.value,
                repaired=one.proposal,
            )
            for one in found[:WORST]
        ),
    )


def _day(month: int | None) -> date | None:
    from workers.forecast_review.forecasting import months  # noqa: PLC0415 - see the module's docstring

    return None if month is None else months.first_day(month).date()
