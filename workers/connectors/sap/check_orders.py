"""What a newcomer has to know before wins become sales orders: the second service, its rights and its properties."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from workers.connectors.checking import Finding
from workers.connectors.sap import metadata
from workers.connectors.sap.booked import DAY, TOTAL
from workers.connectors.sap.check import Used, held, properties, readable
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.metadata import EntitySet
from workers.connectors.sap.order_mapping import (
    CONDITION,
    CURRENCY,
    EUR,
    ITEM,
    MATERIAL,
    PRICING,
    RATE,
    RATE_CURRENCY,
    REJECTION,
    SOLD_TO,
    Fixed,
    OrderMapping,
)
from workers.connectors.sap.orders import ITEMS, ORDERS, PRICES

_KEY_LENGTH, _CUSTOMER_LENGTH = 20, 10


async def check(client: SapClient, mapping: OrderMapping) -> AsyncIterator[Finding]:
    """Look at the service for sales orders without changing anything.

    Raises:
        SystemDown, SystemPause, SystemRefused: SAP can't be asked at all.
    """
    sets = metadata.parse(await client.metadata())
    said = f"taken by the service for sales orders; {len(sets)} entity sets"
    yield Finding("account", "ok", "log-in for sales orders", said)
    used, known = _used(mapping), set[str]()
    for name, (purpose, needs, ways) in {
        ORDERS: ("makes an order of each win", ("made",), (ITEM,)),
        ITEMS: ("rejects an order's items if the win is withdrawn", ("updated",), (PRICING,) if mapping.price else ()),
        PRICES: ("enters the amount as an item's price", (), ()),
    }.items():
        if name not in used:
            continue
        finding = await readable(client, name, sets.get(name), purpose, needs=needs)
        yield finding
        if finding.state == "ok":
            known.add(name)
        if name not in sets:
            continue
        for way in ways:
            if way not in sets[name].children:
                said = "The service knows no such way; is it another version?"
                yield Finding("rights", "wrong", f"{name}.{way}", said)
        for finding in properties(sets[name], used[name]):
            yield finding
    for finding in _booked(mapping, sets.get(ORDERS)):
        yield finding
    if ORDERS in known and (key := sets[ORDERS].properties.get(mapping.external_id)) is not None:
        async for finding in held(client, ORDERS, "SalesOrder", key, "sales orders"):
            yield finding
    said = (
        f"Sales area, {len({*mapping.materials.values(), *filter(None, [mapping.material])})} materials, the reason for"
        " rejection and the customers of the mapping are not tried; an order that SAP refuses for one is a dead letter."
    )
    yield Finding("fields", "note", "values", said)


def _booked(mapping: OrderMapping, orders: EntitySet | None) -> Iterator[Finding]:
    """What is read of orders if sales are taken from them."""
    if mapping.booked is None or orders is None:
        return
    for name in sorted({*mapping.booked.segment, DAY, TOTAL}):
        found = orders.properties.get(name)
        said = "SAP has no such property. Correct `booked`." if found is None else ""
        if name == DAY and found is not None and not found.filterable:
            said = "Nothing can be found by it (sap:filterable), so sales can't be taken."
        yield Finding("fields", "wrong" if said else "ok", f"{ORDERS}.{name}", said or "read to add up what was sold")


def _used(mapping: OrderMapping) -> dict[str, dict[str, Used]]:
    materials = [*mapping.materials.values(), *filter(None, [mapping.material])]
    order = _of(mapping.order) | {
        mapping.external_id: Used(_KEY_LENGTH, updated=False),
        SOLD_TO: Used(_CUSTOMER_LENGTH, updated=False),
        CURRENCY: Used(len(EUR), updated=False, fixed=EUR),
    }
    item = _of(mapping.item) | {
        MATERIAL: Used(max(map(len, materials), default=1), updated=False),
        REJECTION: Used(len(mapping.rejection), updated=True, fixed=mapping.rejection),
    }
    found = {ORDERS: order, ITEMS: item}
    if mapping.price is not None:
        found[PRICES] = {
            CONDITION: Used(len(mapping.price.condition), updated=False, fixed=mapping.price.condition),
            RATE: Used(None, updated=False, fixed="0.00", decimal=True),
            RATE_CURRENCY: Used(len(EUR), updated=False, fixed=EUR),
        }
    return found


def _of(fixed: Fixed) -> dict[str, Used]:
    return {
        name: Used(
            len(value) if isinstance(value, str) else None, updated=False, fixed=value, decimal=_is_number(value)
        )
        for name, value in fixed.items()
    }


def _is_number(value: str | bool) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).isdecimal()
