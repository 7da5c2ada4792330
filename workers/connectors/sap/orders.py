"""An opportunity that is won becomes a sales order in SAP, once; if the win is withdrawn its items are rejected.

Which order is which win stands on the order, in a property that SAP does not keep unique (see `asking`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import structlog

from workers.connectors.answers import Json
from workers.connectors.sap import odata
from workers.connectors.sap.asking import Kind, insisting
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.mapping import Unfit
from workers.connectors.sap.odata import Change, children
from workers.connectors.sap.order_ledger import Entry, OrderLedger, Win
from workers.connectors.sap.order_mapping import ITEM, REJECTION, OrderMapping, by_hand
from workers.connectors.sap.partners import PARTNER
from workers.runtime.breaker import Breaker
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.outbox import OutboxRow

ORDERS, ITEMS, PRICES = "A_SalesOrder", "A_SalesOrderItem", "A_SalesOrderItemPrElement"

ORDER = Kind(
    entity_set=ORDERS,
    number="SalesOrder",
    title="sales order",
    expand=(ITEM,),
    remedy="take it from all but the one that is the opportunity's",
)

_BEGUN = {"B", "C"}
"""Of `DeliveryStatus` and `OrderRelatedBillingStatus`: in part, and wholly."""

log = structlog.get_logger()


@dataclass(frozen=True)
class OrderDelivery:
    """Delivers rows of `order_ledger.CHANNEL`."""

    client: SapClient
    """Of the service for sales orders."""
    partners: SapClient
    """Of that for business partners."""
    mapping: OrderMapping
    ledger: OrderLedger
    breaker: Breaker
    leads_of: str
    """Which CRM's accounts the leads know."""
    settling_seconds: float
    """See `settings.Sap`."""

    async def __call__(self, row: OutboxRow) -> None:
        """Make, or reject, the sales order of the row's win: whichever the win is by now.

        Raises:
            SapDown: no usable answer, or a pause is asked for (`SapResting`).
            TransientError: somebody has the order open, or it is not known whether it was made.
            PermanentError: SAP refuses it, the opportunity can't become one, or the payload is not ours.
        """
        await insisting(self.breaker, partial(self._once, Win.of(row.payload)))

    async def _once(self, win: Win) -> None:
        entry = await self.ledger.read(win)
        if entry is None or entry.rejected:
            return
        if entry.withdrawn:
            await self._reject(win, entry)
        elif entry.sales_order is None:  # what people did with an order that was made is theirs
            await self._make(win, entry)

    async def _make(self, win: Win, entry: Entry) -> None:
        found = await ORDER.find(self.client, self.mapping.external_id, win.own)
        if found is not None:
            await self._written(win, found)
            return
        if entry.asked_seconds is not None and entry.asked_seconds < self.settling_seconds:
            raise ORDER.unsettled()
        values = self.mapping.made(entry.won, await self._customer(win, entry), win.own)
        if not await self.ledger.asking(win, self.settling_seconds):
            raise ORDER.unsettled()
        made = await ORDER.make(self.client, values, partial(self.ledger.refused, win))
        await self._written(win, made)

    async def _written(self, win: Win, order: Json) -> None:
        sales_order = ORDER.number_of(order)
        await self.ledger.written(win, sales_order)
        log.info("sales order", action="order_written", opportunity=win.opportunity_id, sales_order=sales_order)

    async def _reject(self, win: Win, entry: Entry) -> None:
        if entry.sales_order is not None:
            found = await ORDER.read(self.client, entry.sales_order)
        else:
            found = await ORDER.find(self.client, self.mapping.external_id, win.own)
        if found is not None and (changes := list(self._rejections(found))):
            await self.client.change(changes, "reject the sales order")
        sales_order = None if found is None else ORDER.number_of(found)
        if not await self.ledger.rejected(win, sales_order, self.settling_seconds):
            raise ORDER.unsettled()
        log.info("win withdrawn", action="order_rejected", opportunity=win.opportunity_id, sales_order=sales_order)

    def _rejections(self, order: Json) -> Iterator[Change]:
        """What rejects the items that are not rejected yet.

        Raises:
            PermanentError: some of it was delivered, or invoiced.
        """
        for item in children(order, ITEM):
            if item.get(REJECTION):
                continue
            if _BEGUN & {item.get("DeliveryStatus"), item.get("OrderRelatedBillingStatus")}:
                raise PermanentError(
                    f"The win was withdrawn, and some of sales order {ORDER.number_of(order)} is delivered or invoiced"
                    " already: reject what is left in SAP by hand, then send this again, or drop it."
                )
            key = {name: str(item.get(name)) for name in ("SalesOrder", "SalesOrderItem")}
            # The service's $metadata gives a version to the order alone (ConcurrencyMode).
            version = odata.etag(item) or odata.etag(order)
            yield Change("PATCH", odata.key(ITEMS, **key), {REJECTION: self.mapping.rejection}, version)

    async def _customer(self, win: Win, entry: Entry) -> str:
        """The sold-to party.

        Raises:
            Unfit: none is known, or several, or it is no customer yet.
            TransientError: the business partner is on its way.
        """
        account = entry.won.account_id
        if account is None:
            raise Unfit(f"The opportunity was won without an account. {by_hand(win.own)}")
        if account in self.mapping.customers:
            return self.mapping.customers[account]
        partners, waiting = await self.ledger.partners(account) if win.system == self.leads_of else ([], False)
        if not partners and waiting:
            raise TransientError("The account's lead converted, and its business partner is on its way to SAP.")
        if len(partners) != 1:
            raise Unfit(
                f"{len(partners) or 'No'} business partners are known of account {account}: name its customer number in"
                " `customers` of the order mapping, then send this again."
            )
        found = await self.partners.get(PARTNER.address(partners[0]), "read the business partner")
        customer = found.get("Customer") if found else None
        if not isinstance(customer, str) or not customer:
            raise Unfit(
                f"Business partner {partners[0]} is no customer in SAP yet: give it a customer's role (FLCU01) with the sales area"
                " there, then send this again."
            )
        return customer
