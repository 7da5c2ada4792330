"""Forecasts at the CRM and the ERP; see `workers.office.targets`."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.office.targets import VersionDelivery


class ForecastDelivery(VersionDelivery):
    """Carries the final figures of each segment."""

    kind = "forecast"
    ours = "forecasting"
    scope = "organisation"

    async def published(self, connection: AsyncConnection[DictRow], version: str) -> DictRow | None:
        """See `VersionDelivery.published`."""
        cursor = await connection.execute(
            """
            SELECT p.organisation, p.months, o.unit, o.currency,
                (SELECT jsonb_object_agg(segment, final) FROM forecasting.published_segments s
                 WHERE s.version = p.version) AS figures
            FROM forecasting.publications p JOIN forecasting.organisations o ON o.id = p.organisation
            WHERE p.version = %s
            """,
            (version,),
        )
        return await cursor.fetchone()

    async def store(self, there: AsyncConnection[DictRow], version: str, published: DictRow) -> None:
        """See `VersionDelivery.store`."""
        await there.execute(
            self._sql(
                "INSERT INTO {target}.{versions} (version, organisation, unit, currency, months, figures)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"  # a second attempt at the same version
            ),
            (
                *(version, published["organisation"], published["unit"], published["currency"], published["months"]),
                Jsonb(published["figures"]),
            ),
        )

    def refusal(self, published: DictRow, terms: DictRow) -> str:
        """See `VersionDelivery.refusal`."""
        if terms["currency"] and terms["currency"] != published["currency"]:
            return f"it takes {terms['currency']} only, and the forecast is in {published['currency'] or 'no currency'}"
        first = published["months"][0]
        if terms["closed_through"] and first <= terms["closed_through"]:
            return f"its books are closed up to {terms['closed_through']}, and the forecast begins with {first}"
        return ""
