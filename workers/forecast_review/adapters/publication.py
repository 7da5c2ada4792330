"""Publications on PostgreSQL (tables forecasting.publications and what hangs on it).

pandas and the rest of the forecasting libraries come with `forecasting.store`, imported when a fitted version is read:
every worker imports this module, only the forecaster composes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from math import isnan
from typing import TYPE_CHECKING, Literal

from psycopg.types.json import Jsonb

from workers.forecast_review.domain.composing import Composed, bottom_of
from workers.forecast_review.domain.publication import (
    Base,
    PersonOverride,
    ReleaseFacts,
    Segment,
)
from workers.forecast_review.ports.publication import CHANNELS
from workers.office.publication import Sending, Target, TargetResult
from workers.office.sendings import Sendings
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

if TYPE_CHECKING:
    from workers.forecast_review.forecasting.forecast import Forecast

_BOUNDS = ["lo80", "hi80", "lo95", "hi95"]
_FIGURES = ("naive", "model", "base", *_BOUNDS)


class PostgresPublicationDesk:
    """`PublicationDesk` on the job's connection; `results` on one of the pool's."""

    def __init__(self, work: Work, pool: Pool) -> None:
        self._work = work
        self._sendings = Sendings(work, pool, schema="forecasting", case="forecast_id", channels=CHANNELS)

    async def base(self, run_version: str) -> Base:
        """See `PublicationDesk.base`."""
        from workers.forecast_review.forecasting import store  # noqa: PLC0415 - see the module's docstring
        from workers.forecast_review.forecasting.errors import NoForecastError  # noqa: PLC0415

        try:
            forecast = await store.load(self._work.connection, run_version)
        except NoForecastError as error:
            raise PermanentError(
                f"The fitted version is gone: {error}. Withdraw this review and ask for another."
            ) from error
        return await asyncio.to_thread(_base, forecast)

    async def approved(self, forecast_id: str) -> Sequence[PersonOverride]:
        """See `PublicationDesk.approved`."""
        cursor = await self._work.connection.execute(
            'SELECT DISTINCT ON (segment) segment, "values", reason, by_whom, approved_by FROM forecasting.overrides'
            " WHERE forecast_id = %s AND state = 'approved' ORDER BY segment, decided_at DESC",
            (forecast_id,),
        )
        return [
            PersonOverride(row["segment"], row["values"], row["reason"], row["by_whom"], row["approved_by"])
            for row in await cursor.fetchall()
        ]

    async def former_totals(self, organisation: str, forecast_id: str) -> Mapping[str, float] | None:
        """See `PublicationDesk.former_totals`."""
        cursor = await self._work.connection.execute(
            """
            SELECT month, sum(figure) AS total
            FROM (
                SELECT version, months FROM forecasting.publications p
                WHERE organisation = %s AND forecast_id <> %s AND EXISTS (
                    SELECT FROM forecasting.sendings s WHERE s.version = p.version AND s.state = 'delivered')
                ORDER BY id DESC LIMIT 1
            ) former
            JOIN forecasting.published_segments s USING (version), unnest(former.months, s.final) AS f (month, figure)
            WHERE s.bottom GROUP BY month
            """,
            (organisation, forecast_id),
        )
        return {row["month"]: row["total"] for row in await cursor.fetchall()} or None

    async def store(
        self,
        forecast_id: str,
        release: int,
        organisation: str,
        base: Base,
        composed: Composed,
        overrides: Sequence[PersonOverride],
        facts: ReleaseFacts,
    ) -> None:
        """See `PublicationDesk.store`."""
        connection = self._work.connection
        await connection.execute(
            "INSERT INTO forecasting.publications (version, forecast_id, release, organisation, run_version, months, facts)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                *(facts.published_version, forecast_id, release, organisation, base.run_version, list(base.months)),
                Jsonb(asdict(facts)),
            ),
        )
        changed = {one.segment: one for one in overrides}
        names = ", ".join(_FIGURES)
        async with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY forecasting.published_segments (version, place, segment, level, bottom, champion, final, override,"
                f" {names}) FROM STDIN".encode()
            ) as copy,
        ):
            for place, one in enumerate(base.segments):
                override = changed.get(one.segment)
                await copy.write_row(
                    (
                        *(facts.published_version, place, one.segment, one.level, one.bottom, one.champion),
                        list(composed.values[one.segment]),
                        None if override is None else Jsonb(_told(override)),
                        *(list(getattr(one, name)) for name in _FIGURES),
                    )
                )

    async def release(
        self,
        version: str,
        choice: Literal["approve", "reject"],
        *,
        level: str,
        decided_by: str,
        comment: str,
        at: datetime,
    ) -> None:
        """See `PublicationDesk.release`."""
        await self._work.connection.execute(
            "INSERT INTO forecasting.releases (version, choice, level, decided_by, comment, decided_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (version, choice, level, decided_by, comment, at),
        )

    async def send(self, sending: Sending, organisation: str) -> None:
        """See `PublicationDesk.send`."""
        cursor = await self._work.connection.execute(
            "SELECT %s = ANY(targets) AS used FROM forecasting.organisations WHERE id = %s",
            (sending.target, organisation),
        )
        row = await cursor.fetchone()
        await self._sendings.send(sending, used=row is not None and row["used"])

    async def recall(self, version: str, target: Target, change_id: str) -> None:
        """See `PublicationDesk.recall`."""
        await self._sendings.recall(version, target, change_id)

    async def results(self, forecast_id: str, release: int) -> tuple[Sequence[TargetResult], datetime]:
        """See `PublicationDesk.results`."""
        return await self._sendings.results(forecast_id, release)


def _told(override: PersonOverride) -> dict[str, object]:
    return {
        "values": dict(override.values),
        "reason": override.reason,
        "by": override.by,
        "approved_by": override.approved_by,
    }


def _base(forecast: Forecast) -> Base:
    """The frames of a forecast as plain figures."""
    champions = dict(zip(forecast.choices["segment"], forecast.choices["champion"], strict=True))
    parts = {str(name): part.sort_values("month") for name, part in forecast.points.groupby("segment", sort=False)}
    months = [f"{month:%Y-%m}" for month in next(iter(parts.values()))["month"]]
    bottom = set(bottom_of(list(parts)))
    segments = []
    for name, part in parts.items():
        segments.append(
            Segment(
                segment=name,
                level=str(part["level"].iloc[0]),
                bottom=name in bottom,
                champion=str(champions[name]),
                naive=part["naive"].tolist(),
                model=part["base"].tolist(),
                base=part["value"].tolist(),
                **{column: [None if isnan(value) else value for value in part[column].tolist()] for column in _BOUNDS},
            )
        )
    return Base(forecast.version, months, segments)
