"""What was sold by SAP's sales orders, month by month: what a forecast is held against.

All orders of a month are read and added up. Those alone that changed since would not do: an order says what it is now, and not in which
month or segment it was counted before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from workers.connectors.answers import Json, SystemDown
from workers.connectors.sap import odata
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.order_mapping import CURRENCY, Booked
from workers.connectors.sap.orders import ORDERS

DAY, TOTAL, TYPE = "SalesOrderDate", "TotalNetAmount", "SalesOrderType"


@dataclass
class Sums:
    """What was found."""

    sales: dict[tuple[str, date], float] = field(default_factory=dict)
    """By segment and first day of the month, in the organisation's unit. Rejected items count nothing, as SAP's totals have them."""
    orders: int = 0
    others: Counter[str] = field(default_factory=Counter)
    """Orders in other currencies, which are left out."""
    unplaced: int = 0
    """Orders that say nothing in a property of the segment, which are left out."""


async def read(client: SapClient, mapping: Booked, since: date, before: date) -> Sums:
    """The orders from one day until before another one, both the first of a month.

    Raises:
        SystemDown, SystemPause, SystemRefused: SAP can't be asked.
    """
    where = f"{DAY} ge datetime'{since}T00:00:00' and {DAY} lt datetime'{before}T00:00:00'"
    if mapping.types:
        where += f" and ({' or '.join(f'{TYPE} eq {odata.text(one)}' for one in mapping.types)})"
    found, totals = Sums(), defaultdict[tuple[str, date], Decimal](Decimal)
    select = {"SalesOrder", DAY, TOTAL, CURRENCY, *mapping.segment}
    async for page in client.pages(ORDERS, where, order="SalesOrder", select=select):
        for order in page:
            parts = [str(order.get(name) or "") for name in mapping.segment]
            if (currency := str(order.get(CURRENCY))) != mapping.currency:
                found.others[currency] += 1
            elif not all(parts):
                found.unplaced += 1
            else:
                found.orders += 1
                totals["/".join(parts), _month(order)] += _amount(order)
    found.sales = {cell: float(total / mapping.each) for cell, total in totals.items()}
    return found


def _month(order: Json) -> date:
    at = odata.moment(order.get(DAY))
    if at is None:
        raise SystemDown(f"SAP's answer has a sales order without {DAY}.")
    return at.date().replace(day=1)


def _amount(order: Json) -> Decimal:
    try:
        amount = Decimal(str(order.get(TOTAL)))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise SystemDown(f"SAP's answer has a sales order without {TOTAL}.")
    return amount
