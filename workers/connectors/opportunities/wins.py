"""Opportunities that were won, of the built-in CRM or another one; and which of them are not won any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from workers.connectors.leads import System
from workers.connectors.opportunities.reading import Deals
from workers.connectors.records import number
from workers.office.systems import CrmDatabase


@dataclass(frozen=True, slots=True)
class Won:
    """An opportunity that was won."""

    id: str
    name: str
    account_id: str | None
    amount: float | None
    """EUR; None: the CRM says none."""
    product: str | None
    closed_at: str
    """ISO 8601, by UTC. Won again later it has another one."""


class Wins(Protocol):
    """Both raise TransientError if the CRM does not answer."""

    async def since(self, moment: datetime) -> Sequence[Won]:
        """Those that were won since then."""
        ...

    async def withdrawn(self, ids: Collection[str]) -> set[str]:
        """Of some, those of which the CRM says that they are not won; not those that it does not know any more."""
        ...


class PostgresWins:
    """`Wins` of the built-in CRM."""

    def __init__(self, database: CrmDatabase) -> None:
        self._database = database

    async def since(self, moment: datetime) -> Sequence[Won]:
        """See `Wins.since`."""
        async with self._database.transaction() as crm:
            cursor = await crm.execute(
                "SELECT id, name, account_id, amount_eur::float8 AS amount, nullif(product, '') AS product,"
                " to_char(closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS closed_at"
                " FROM crm.opportunities WHERE won AND closed_at >= %s ORDER BY closed_at, id",
                (moment,),
            )
            return [Won(**row) for row in await cursor.fetchall()]

    async def withdrawn(self, ids: Collection[str]) -> set[str]:
        """See `Wins.withdrawn`."""
        async with self._database.transaction() as crm:
            cursor = await crm.execute(
                "SELECT id FROM crm.opportunities WHERE id = ANY(%s) AND won IS NOT TRUE", (list(ids),)
            )
            return {row["id"] for row in await cursor.fetchall()}


class OutsideWins:
    """`Wins` of another system."""

    def __init__(self, system: System[Any, Any], deals: Deals) -> None:  # Any: whichever system it is
        self._system = system
        self._deals = deals

    async def since(self, moment: datetime) -> Sequence[Won]:
        """See `Wins.since`."""
        async with self._system.asked():
            found = await self._deals.won(moment)
            customers = await self._deals.customers([one for one, _ in found], moment) if found else {}
        read = self._deals.mapping.read
        made = []
        for deal, closed_at in found:
            said = {field: deal.get(read[field]) for field in ("name", "amount", "product") if field in read}
            customer = customers.get(deal.id)
            made.append(
                Won(
                    id=deal.id,
                    name=said.get("name") or deal.id,
                    account_id=customer.id if customer else None,
                    amount=number(said.get("amount")),
                    product=said.get("product"),
                    closed_at=closed_at.isoformat(),
                )
            )
        return made

    async def withdrawn(self, ids: Collection[str]) -> set[str]:
        """See `Wins.withdrawn`."""
        async with self._system.asked():
            return await self._deals.not_won(ids) if ids else set()
