"""The forecaster: a child process that fits, and the tables that keep what it made.

The numbers layer is imported when first used: every worker of this context imports this module, only one fits.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import Gauge
from psycopg.rows import DictRow

from workers.forecast_review.domain.run import ModelCount, Run
from workers.forecast_review.ports.runs import ForecastImpossible
from workers.office.beside import write_beside
from workers.runtime.children import child
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.work import Work

if TYPE_CHECKING:
    from workers.forecast_review.forecasting.forecast import Forecast
    from workers.forecast_review.forecasting.incumbents import Incumbent
    from workers.forecast_review.forecasting.order import Order


CHILD = "workers.forecast_review.forecasting.child"
PROGRESS = Gauge("fairlead_forecast_progress", "Share of the present step of a fit that is done.", ["organisation"])
FITTING = Gauge("fairlead_forecast_fitting", "Forecasts that this process is fitting.")


class ProcessForecaster:
    """`Forecaster` in a child process; progress is written beside the job's transaction, so that it is seen."""

    def __init__(self, work: Work, pool: Pool) -> None:
        self._work = work
        self._pool = pool

    async def fit(
        self, forecast_id: str, history_id: str, *, horizon: int, repair: bool, models: tuple[str, ...], origins: int
    ) -> Run:
        """See `Forecaster.fit`."""
        from workers.forecast_review.forecasting import store  # noqa: PLC0415 - see the module's docstring
        from workers.forecast_review.forecasting.forecast import Forecast  # noqa: PLC0415
        from workers.forecast_review.forecasting.order import Order  # noqa: PLC0415

        row = await self._collection(history_id)
        incumbents = await self._incumbents(forecast_id, row["organisation"], row["raw_digest"])
        order = Order(
            horizon=horizon,
            clean=repair,
            models=models,
            origins=origins,
            incumbents=incumbents,
            problems=row["problems"],
        )
        content = await self._run(forecast_id, row["organisation"], order, bytes(row["content"]))
        forecast = await asyncio.to_thread(Forecast.from_bytes, content)
        await store.save(self._work.connection, forecast)
        await self._keep_champions(forecast_id, row, forecast)
        return _run_of(forecast, incumbents)

    async def draw(self, version: str, segments: Iterable[str]) -> Mapping[str, bytes]:
        """See `Forecaster.draw`."""
        from workers.forecast_review.forecasting import charts, store  # noqa: PLC0415 - see the module's docstring
        from workers.forecast_review.forecasting.history import TOTAL  # noqa: PLC0415

        forecast = await store.load(self._work.connection, version)
        total = [TOTAL] if (forecast.choices["segment"] == TOTAL).any() else []
        wanted = dict.fromkeys([*total, *segments])
        return await asyncio.to_thread(lambda: {segment: charts.png(forecast, segment) for segment in wanted})

    async def _run(self, forecast_id: str, organisation: str, order: Order, packed: bytes) -> bytes:
        gauge = PROGRESS.labels(organisation)
        FITTING.inc()
        try:
            async with child(CHILD) as fitting:
                assert fitting.stdin is not None and fitting.stdout is not None  # noqa: PT018 - both are pipes
                fitting.stdin.write(order.to_line(len(packed)) + packed)
                async for line in fitting.stdout:
                    said = json.loads(line)
                    if "error" in said:
                        raise ForecastImpossible(said["error"], variables={"history_why": said["error"]})
                    if "size" in said:
                        return await fitting.stdout.readexactly(said["size"])
                    gauge.set(said["done"] / said["total"] if said["total"] else 0.0)
                    await self._tell(forecast_id, said)
                raise TransientError("The process that fits ended before it was done; it is started again.")
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError) as error:
            raise TransientError("The process that fits ended before it was done; it is started again.") from error
        finally:
            FITTING.dec()
            gauge.set(0.0)
            await write_beside(
                self._pool, "DELETE FROM forecasting.progress WHERE forecast_id = %(id)s", {"id": forecast_id}
            )

    async def _tell(self, forecast_id: str, said: Mapping[str, Any]) -> None:  # Any: JSON
        await write_beside(
            self._pool,
            "INSERT INTO forecasting.progress (forecast_id, done, total, doing)"
            " VALUES (%(forecast_id)s, %(done)s, %(total)s, %(doing)s)"
            " ON CONFLICT (forecast_id) DO UPDATE SET done = excluded.done, total = excluded.total,"
            " doing = excluded.doing, at = clock_timestamp()",
            {"forecast_id": forecast_id, **said},
        )

    async def _collection(self, history_id: str) -> DictRow:
        cursor = await self._work.connection.execute(
            "SELECT organisation, raw_digest, content, problems FROM forecasting.collections WHERE history_id = %s",
            (history_id,),
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(f"There is no collection {history_id}; the task collect_history must run before.")
        return row

    async def _incumbents(self, forecast_id: str, organisation: str, raw_digest: str) -> dict[str, Incumbent]:
        """The champions that the newest other review ended with. The same data again prove nothing new: such a review
        does not count, nor does one that was stopped.
        """
        from workers.forecast_review.forecasting.incumbents import Incumbent  # noqa: PLC0415 - see the module's docstring

        cursor = await self._work.connection.execute(
            """
            SELECT segment, champion, challenger, wins FROM forecasting.champions WHERE forecast_id = (
                SELECT forecast_id FROM forecasting.reviews
                WHERE organisation = %s AND forecast_id <> %s AND state NOT IN ('stopped', 'withdrawn')
                    AND version IS NOT NULL AND raw_digest <> %s
                ORDER BY opened_at DESC LIMIT 1)
            """,
            (organisation, forecast_id, raw_digest),
        )
        return {
            row["segment"]: Incumbent(row["champion"], row["challenger"], row["wins"])
            for row in await cursor.fetchall()
        }

    async def _keep_champions(self, forecast_id: str, row: DictRow, forecast: Forecast) -> None:
        connection = self._work.connection
        await connection.execute(
            "UPDATE forecasting.reviews SET version = %s, raw_digest = %s WHERE forecast_id = %s",
            (forecast.version, row["raw_digest"], forecast_id),
        )
        await connection.execute("DELETE FROM forecasting.champions WHERE forecast_id = %s", (forecast_id,))
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO forecasting.champions (forecast_id, organisation, segment, champion, challenger, wins)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    (forecast_id, row["organisation"], c["segment"], c["champion"], c["challenger"], int(c["wins"]))
                    for c in forecast.choices.to_dict("records")
                ],
            )


def _run_of(forecast: Forecast, incumbents: Mapping[str, Incumbent]) -> Run:
    champions = {str(row["segment"]): str(row["champion"]) for row in forecast.choices.to_dict("records")}
    published = forecast.accuracy.set_index("model").loc["published"]
    measured = int(published["series"]) > 0
    return Run(
        version=forecast.version,
        series=int(forecast.card["series"]),
        nodes=len(champions),
        champions=tuple(ModelCount(*pair) for pair in Counter(champions.values()).most_common()),
        kept=int((forecast.choices["challenger"] != "").sum()),
        replaced=sum(1 for node, one in incumbents.items() if champions.get(node, one.champion) != one.champion),
        problems=len(forecast.problems),
        mase=round(float(published["mase"]), 4) if measured else None,
        cover80=round(float(published["cover80"]), 2) if measured and published["cover80"] >= 0 else None,
        history_end=forecast.end,
    )
