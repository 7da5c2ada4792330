"""Wins of the built-in CRM, with SAP behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.connectors.sap.conftest import Sales
from workers.connectors import mapping, wiring
from workers.connectors.sap.order_ledger import CHANNEL, Win
from workers.connectors.sap.orders import OrderDelivery
from workers.runtime import discovery
from workers.runtime.outbox import OutboxRow

SHIPPED = Path(mapping.__file__).parent / "sap" / "orders.yaml"
DEAL = Win("postgresql", "deal", 1)


class Selling(Sales):
    """Opportunities that are won."""

    async def look(self) -> None:
        """As a dispatcher whose turn it is."""
        await self.sql("UPDATE runtime.polled SET not_before = now()")
        for one in discovery.chores("connectors", self.resources):
            if one.name == "wins to SAP":
                await one.chore()

    async def win(self, deal: str = "deal", account: str | None = "acme", amount: float = 1234.5, product: str = "") -> None:
        """An opportunity is won, and found."""
        await self.sql(
            "INSERT INTO crm.opportunities (id, name, account_id, owner_id, stage, amount_eur, product, opened_at, stage_since)"
            " VALUES (%s, 'A deal', %s, 'ana', 'negotiate', %s, %s, now(), now()) ON CONFLICT DO NOTHING",
            *(deal, account, amount, product),
        )
        await self.sql("UPDATE crm.opportunities SET won = true, closed_at = clock_timestamp() WHERE id = %s", deal)
        await self.look()

    async def withdraw(self, deal: str = "deal") -> None:
        """It is open again, and that is found."""
        await self.sql("UPDATE crm.opportunities SET won = NULL, closed_at = NULL WHERE id = %s", deal)
        await self.look()

    async def send(self, win: Win = DEAL, **payload: Any) -> None:
        """The row of a win is delivered."""
        given = {"system": win.system, "opportunity_id": win.opportunity_id, "round": win.round, **payload}
        await wiring.deliveries(self.resources)[CHANNEL](OutboxRow(1, CHANNEL, win.opportunity_id, "o1", given, 0))

    @property
    def delivery(self) -> OrderDelivery:
        found = wiring.deliveries(self.resources)[CHANNEL]
        assert isinstance(found, OrderDelivery)
        return found
