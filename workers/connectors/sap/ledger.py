"""What we know of each lead that converted: which business partner it became, and whether one was just asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.runtime.database import Pool

CHANNEL = "sap.partner"
"""Payload: ``{lead_id}``; written by the trigger `tell_conversion` when a lead converts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A lead, and what became of it in SAP."""

    lead: dict[str, Any] | None  # Any: JSON
    """Its fields; None: it is not registered yet."""
    converted: bool
    partner: str | None
    """The business partner's number; None: none is known."""
    asked_seconds: float | None
    """Since one was asked for, and it is not known whether it was made."""


class Ledger:
    """`sap.partners`, and the lead's own row."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, lead_id: str) -> Entry | None:
        """A lead; None: there is none."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT l.lead, coalesce(l.converted, false) AS converted, p.partner,
                    extract(epoch FROM clock_timestamp() - p.asked_at)::float AS asked_seconds
                FROM routing.leads l LEFT JOIN sap.partners p ON p.lead_id = l.lead_id WHERE l.lead_id = %s
                """,
                (lead_id,),
            )
            row = await cursor.fetchone()
        return None if row is None else Entry(**row)

    async def asking(self, lead_id: str) -> None:
        """Note that a business partner is asked for now, before it is."""
        await self._set(lead_id, "asked_at = clock_timestamp()")

    async def refused(self, lead_id: str) -> None:
        """Note that none was made."""
        await self._set(lead_id, "asked_at = NULL")

    async def written(self, lead_id: str, partner: str) -> None:
        """Note which business partner it is; the lead's timeline says so once."""
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(
                """
                INSERT INTO sap.partners AS p (lead_id, partner) VALUES (%s, %s)
                ON CONFLICT (lead_id) DO UPDATE SET partner = excluded.partner, asked_at = NULL
                    WHERE p.partner IS DISTINCT FROM excluded.partner OR p.asked_at IS NOT NULL
                RETURNING (SELECT o.partner FROM sap.partners o WHERE o.lead_id = p.lead_id) AS before
                """,
                (lead_id, partner),
            )
            row = await cursor.fetchone()
            if row is not None and row["before"] != partner:
                await connection.execute(
                    "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
                    (lead_id, "sap", "partner_written", f"business partner {partner}", Jsonb({"partner": partner})),
                )

    async def _set(self, lead_id: str, what: str) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(
                "INSERT INTO sap.partners (lead_id) VALUES (%s) ON CONFLICT DO NOTHING", (lead_id,)
            )
            statement = f"UPDATE sap.partners SET {what} WHERE lead_id = %s"  # noqa: S608 - one of the two above
            await connection.execute(statement.encode(), (lead_id,))


async def switch(connection: AsyncConnection[DictRow], *, on: bool) -> int:
    """Have conversions told to SAP from now on, or no more, in the caller's transaction; 1 if it was otherwise."""
    statement = (
        b"INSERT INTO runtime.conversion_channels (channel) VALUES (%s) ON CONFLICT DO NOTHING"
        if on
        else b"DELETE FROM runtime.conversion_channels WHERE channel = %s"
    )
    return (await connection.execute(statement, (CHANNEL,))).rowcount
