"""Settings → what speaks to SAP; one for a process."""

from __future__ import annotations

import time
from pathlib import Path

from workers.connectors import mapping
from workers.connectors.making import DELIVERING_SECONDS, NotConnected
from workers.connectors.outbound import GuardedTransport
from workers.connectors.pace import Pace
from workers.connectors.sap.asking import SapResting
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.ledger import Ledger
from workers.connectors.sap.login import Login
from workers.connectors.sap.mapping import PartnerMapping
from workers.connectors.sap.order_ledger import OrderLedger
from workers.connectors.sap.order_mapping import OrderMapping
from workers.connectors.sap.orders import OrderDelivery
from workers.connectors.sap.partners import PartnerDelivery
from workers.runtime.breaker import Breaker
from workers.runtime.resources import Resources
from workers.settings import Sap

_MADE = "connectors.sap"
_ORDERS = "connectors.sap.orders"


def client(settings: Sap, *, seconds: float) -> SapClient:
    """A client of its own; the caller closes it.

    Raises:
        NotConnected: it is not said where SAP is, or how to log in.
    """
    login = Login(settings)
    if settings.base_url is None:
        raise NotConnected("No address is set: set FAIRLEAD_SAP__BASE_URL (docs/connect-sap.md).")
    transport = GuardedTransport(trusted_hosts=settings.trusted_hosts)
    return SapClient(settings, login, Pace("SAP", time.monotonic), transport, seconds=seconds)


def delivery(resources: Resources) -> PartnerDelivery:
    """Who carries conversions to SAP.

    Raises:
        NotConnected: it is not said how to log in.
        WrongMapping: the mapping can't be used.
    """
    if _MADE not in resources.cache:
        settings = resources.settings.sap
        resources.cache[_MADE] = PartnerDelivery(
            client=client(settings, seconds=DELIVERING_SECONDS),
            mapping=mapping.load(PartnerMapping, settings.mapping),
            ledger=Ledger(resources.pool),
            breaker=Breaker("sap", down=SapResting),
            settling_seconds=settings.settling_seconds,
        )
    made: PartnerDelivery = resources.cache[_MADE]
    return made


def orders_client(settings: Sap, *, seconds: float) -> SapClient:
    """As `client`, of the service for sales orders."""
    return client(settings.model_copy(update={"service": settings.order_service}), seconds=seconds)


def order_delivery(resources: Resources, order_mapping: Path) -> OrderDelivery:
    """Who carries wins to SAP.

    Raises:
        NotConnected: it is not said how to log in.
        WrongMapping: a mapping can't be used.
    """
    if _ORDERS not in resources.cache:
        settings, partners = resources.settings, delivery(resources)
        resources.cache[_ORDERS] = OrderDelivery(
            client=orders_client(settings.sap, seconds=DELIVERING_SECONDS),
            partners=partners.client,
            mapping=mapping.load(OrderMapping, order_mapping),
            ledger=OrderLedger(resources.pool),
            breaker=partners.breaker,
            leads_of=settings.crm,
            settling_seconds=settings.sap.settling_seconds,
        )
    made: OrderDelivery = resources.cache[_ORDERS]
    return made


async def close(resources: Resources) -> None:
    """Close the connections; the second call does nothing."""
    made: list[PartnerDelivery | OrderDelivery | None] = [resources.cache.pop(name, None) for name in (_MADE, _ORDERS)]
    for one in made:
        if one is not None:
            await one.client.close()
