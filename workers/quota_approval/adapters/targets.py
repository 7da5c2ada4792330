"""Quotas at the CRM and the ERP; see `workers.office.targets`."""

from __future__ import annotations

from datetime import date

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.office.outside_targets import QuotaOf, Wanted
from workers.office.targets import VersionDelivery


class QuotaDelivery(VersionDelivery):
    """Carries the quota of each rep and unit, with the days from and until which it holds."""

    kind = "quota"
    ours = "quotas"
    scope = "organisation"

    async def published(self, connection: AsyncConnection[DictRow], version: str) -> DictRow | None:
        """See `VersionDelivery.published`."""
        cursor = await connection.execute(
            """
            SELECT organisation, period, currency, valid_from, valid_until,
                (SELECT jsonb_object_agg(node, quota) FROM quotas.published s WHERE s.version = p.version) AS quotas
            FROM quotas.publications p WHERE version = %s
            """,
            (version,),
        )
        return await cursor.fetchone()

    async def store(self, there: AsyncConnection[DictRow], version: str, published: DictRow) -> None:
        """See `VersionDelivery.store`."""
        names = ("organisation", "period", "currency", "valid_from", "valid_until")
        await there.execute(
            self._sql(
                "INSERT INTO {target}.{versions} (version, organisation, period, currency, valid_from, valid_until,"
                " quotas) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"  # a second attempt
            ),
            (version, *(published[name] for name in names), Jsonb(published["quotas"])),
        )

    def refusal(self, published: DictRow, terms: DictRow) -> str:
        """See `VersionDelivery.refusal`."""
        if terms["currency"] and terms["currency"] != published["currency"]:
            return f"it takes {terms['currency']} only, and the quotas are in {published['currency']}"
        if terms["closed_through"] and published["valid_from"] <= terms["closed_through"]:
            return f"its books are closed up to {terms['closed_through']}, and the quotas begin at {published['valid_from']}"
        return ""


async def quotas_of(connection: AsyncConnection[DictRow], version: str) -> tuple[str, Wanted] | None:
    """The organisation of a version and the quota of each person, for a CRM that is reached by a connector: by log-ins, or the
    name of a rep who has none. A unit that nobody leads has nobody's quota.
    """
    cursor = await connection.execute(
        """
        SELECT p.organisation, p.currency, s.months, coalesce(o.login, s.node) AS who, o.email,
            coalesce(o.role, 'rep') AS role
        FROM quotas.publications p
        JOIN quotas.published s USING (version)
        LEFT JOIN quotas.persons o ON o.organisation = p.organisation AND o.node = s.node
        WHERE p.version = %s AND (o.login IS NOT NULL OR s.level = 'rep')
        """,
        (version,),
    )
    rows = await cursor.fetchall()
    found = {
        row["who"]: QuotaOf(
            row["email"],
            row["role"],
            row["currency"],
            {date.fromisoformat(month): cents for month, cents in row["months"].items()},
        )
        for row in rows
    }
    return (rows[0]["organisation"], found) if rows else None
