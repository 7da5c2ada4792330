"""What we know of each win: which sales order it became, whether one was just asked for, and whether the win still holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.connectors.opportunities.wins import Won
from workers.connectors.sap.mapping import external_id
from workers.runtime import outbox
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError

CHANNEL = "sap.order"
"""Payload: `Win`. Written when a win is found, and when it is found to hold no more; either brings SAP to what the table says."""

IN_FORCE_DAYS = 120
"""So long after it was found a win is looked at, whether it still holds."""


@dataclass(frozen=True, slots=True)
class Win:
    """Which win it is."""

    system: str
    """Whose opportunity: ``postgresql``, ``hubspot`` or ``salesforce``."""
    opportunity_id: str
    round: int
    """From 1; won again after it was withdrawn it is the next one."""

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:  # Any: JSON
        """The win of an outbox row.

        Raises:
            PermanentError: it names none.
        """
        match payload:
            case {"system": str(system), "opportunity_id": str(opportunity_id), "round": int(number)}:
                return cls(system, opportunity_id, number)
        raise PermanentError("This row for SAP names no win; drop it, or correct its payload.")

    @property
    def own(self) -> str:
        """By which its order is recognised."""
        return external_id(f"{self.system}:{self.opportunity_id}:{self.round}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A win, and what became of it in SAP."""

    win: dict[str, Any]  # Any: JSON, see `Won`
    sales_order: str | None
    """The order's number; None: none is known."""
    asked_seconds: float | None
    """Since one was asked for, and it is not known whether it was made."""
    withdrawn: bool
    rejected: bool
    """And its order with it, or there is none."""

    @property
    def won(self) -> Won:
        """The opportunity as it was won."""
        return Won(**self.win)


class OrderLedger:
    """`sap.orders`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, win: Win) -> Entry | None:
        """What is known of a win; None: nothing."""
        rows = await self._sql(
            """
            SELECT win, sales_order, extract(epoch FROM clock_timestamp() - asked_at)::float AS asked_seconds,
                withdrawn_at IS NOT NULL AS withdrawn, rejected_at IS NOT NULL AS rejected
            FROM sap.orders
            """,
            win,
        )
        return Entry(**rows[0]) if rows else None

    async def asking(self, win: Win, settling_seconds: float) -> bool:
        """Note that an order is asked for now, before it is; False, and nothing is noted, if somebody else just did, or the
        win was withdrawn.
        """
        rows = await self._sql(
            "UPDATE sap.orders SET asked_at = clock_timestamp()",
            win,
            "AND withdrawn_at IS NULL AND sales_order IS NULL"
            " AND coalesce(asked_at <= clock_timestamp() - make_interval(secs => %s), true) RETURNING round",
            settling_seconds,
        )
        return bool(rows)

    async def refused(self, win: Win) -> None:
        """Note that none was made."""
        await self._sql("UPDATE sap.orders SET asked_at = NULL", win)

    async def written(self, win: Win, sales_order: str) -> None:
        """Note which order it is."""
        await self._sql("UPDATE sap.orders SET sales_order = %s, asked_at = NULL", win, "", before=[sales_order])

    async def rejected(self, win: Win, sales_order: str | None, settling_seconds: float) -> bool:
        """Note that the order was rejected, None: that there is none; False, and nothing is noted, if one may be on its way."""
        rows = await self._sql(
            "UPDATE sap.orders SET rejected_at = clock_timestamp(), sales_order = coalesce(%s, sales_order)",
            win,
            "AND (%s OR coalesce(asked_at <= clock_timestamp() - make_interval(secs => %s), true)) RETURNING round",
            sales_order is not None,
            settling_seconds,
            before=[sales_order],
        )
        return bool(rows)

    async def partners(self, account_id: str) -> tuple[list[str], bool]:
        """The business partners that leads of an account became; and whether there may still be one."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT array_agg(DISTINCT p.partner) FILTER (WHERE p.partner IS NOT NULL) AS partners,
                    coalesce(bool_or(p.partner IS NULL), false) AS waiting
                FROM routing.leads l LEFT JOIN sap.partners p ON p.lead_id = l.lead_id
                WHERE l.account_id = %s AND l.converted
                """,
                (account_id,),
            )
            row = await cursor.fetchone()
        return (row["partners"] or [], row["waiting"]) if row else ([], False)

    async def _sql(
        self, start: str, win: Win, end: str = "", *values: object, before: Sequence[object] = ()
    ) -> list[DictRow]:
        where = "WHERE system = %s AND opportunity_id = %s AND round = %s"
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                f"{start} {where} {end}".encode(), (*before, win.system, win.opportunity_id, win.round, *values)
            )
            return await cursor.fetchall() if cursor.description is not None else []


async def in_force(connection: AsyncConnection[DictRow], system: str) -> list[str]:
    """The opportunities of a CRM whose wins are looked at."""
    cursor = await connection.execute(
        "SELECT opportunity_id FROM sap.orders WHERE system = %s AND withdrawn_at IS NULL"
        " AND noted_at > now() - make_interval(days => %s)",
        (system, IN_FORCE_DAYS),
    )
    return [row["opportunity_id"] for row in await cursor.fetchall()]


async def note(
    connection: AsyncConnection[DictRow], system: str, won: Sequence[Won], withdrawn: Collection[str]
) -> int:
    """Note wins that are new, and those that hold no more, with a row for SAP each, in the caller's transaction; how many.

    What was withdrawn is won again only at another time: a search may still tell of the first one.
    """
    told = []
    for one in won:
        cursor = await connection.execute(
            """
            INSERT INTO sap.orders (system, opportunity_id, round, win)
            SELECT %(system)s, %(id)s, coalesce(max(round), 0) + 1, %(win)s FROM sap.orders
            WHERE system = %(system)s AND opportunity_id = %(id)s
            HAVING coalesce(bool_and(withdrawn_at IS NOT NULL AND win ->> 'closed_at' <> %(closed_at)s), true)
            ON CONFLICT DO NOTHING RETURNING round
            """,
            {"system": system, "id": one.id, "closed_at": one.closed_at, "win": Jsonb(asdict(one))},
        )
        told += [("won", one.id, row["round"]) for row in await cursor.fetchall()]
    cursor = await connection.execute(
        "UPDATE sap.orders SET withdrawn_at = clock_timestamp() WHERE system = %s AND opportunity_id = ANY(%s)"
        " AND withdrawn_at IS NULL RETURNING opportunity_id, round",
        (system, list(withdrawn)),
    )
    told += [("withdrawn", row["opportunity_id"], row["round"]) for row in await cursor.fetchall()]
    for what, opportunity_id, number in told:
        win = Win(system, opportunity_id, number)
        await outbox.put(connection, CHANNEL, opportunity_id, f"{what}:{system}:{opportunity_id}:{number}", asdict(win))
    return len(told)
