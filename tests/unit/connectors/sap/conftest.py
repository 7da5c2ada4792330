"""A simulated SAP, clients of it, and the delivery of conversions and wins to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.simulators.sap.schema import EDMX
from tests.simulators.sap.serving import Simulated, served
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors import mapping
from workers.connectors import wiring as connectors
from workers.connectors.sap import making
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.order_ledger import CHANNEL as ORDERS
from workers.connectors.sap.order_ledger import Win
from workers.connectors.sap.orders import OrderDelivery
from workers.gateway import commands
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Sap, Settings

SHIPPED = Path(mapping.__file__).parent / "sap" / "orders.yaml"
DEAL = Win("postgresql", "deal", 1)
CUSTOMER = "17100001"
ORDER = {"SalesOrderType": "OR", "SalesOrganization": "1710", "DistributionChannel": "10", "OrganizationDivision": "00",
         "SoldToParty": CUSTOMER, "PurchaseOrderByCustomer": DEAL.own,
         "to_Item": [{"Material": "TG11", "RequestedQuantity": "1"}]}  # fmt: skip
"""With our key, as a person enters it."""

MakeClient = Callable[..., SapClient]

LEAD: dict[str, Any] = {
    "name": "Ana María Ruiz",
    "email": "ana@acme.es",
    "phone": "+34612345678",
    "company": "Acme",
    "country": "ES",
    "language": "es",
    "attributes": {"City": "Vigo", "PostalCode": 36201},
}


@pytest.fixture
def simulated() -> Iterator[Simulated]:
    if not EDMX.is_file():
        pytest.skip(f"{EDMX.name} is not beside the project, in ../shared/contracts")
    with served() as simulated:
        yield simulated


def settings_of(simulated: Simulated, **more: object) -> Sap:
    log_in = {"username": simulated.door.username, "password": simulated.door.password, "client": "100"}
    return Sap.model_validate({"base_url": simulated.url, "trusted_hosts": ["127.0.0.1"], **log_in, **more})


@pytest.fixture
async def make_client(simulated: Simulated) -> AsyncIterator[MakeClient]:
    made: list[SapClient] = []

    def make(*, seconds: float = 5.0, **settings: object) -> SapClient:
        made.append(making.client(settings_of(simulated, **settings), seconds=seconds))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def client(make_client: MakeClient) -> SapClient:
    return make_client()


class Sales(Casework):
    """Leads that convert, with SAP behind."""

    context = "connectors"

    async def known(self, lead_id: str, **fields: Any) -> None:
        """A registered lead."""
        await self.receive(lead_id, {})
        lead = {name: value for name, value in {**LEAD, **fields}.items() if value is not None}
        await self.sql("UPDATE routing.leads SET lead = %s WHERE lead_id = %s", Jsonb(lead), lead_id)

    async def convert(self, lead_id: str, *, converted: bool = True) -> None:
        async with self.resources.pool.connection() as connection:
            await commands.record_outcome(connection, lead_id, converted, at=None, actor="test")

    async def switch(self) -> None:
        """As a dispatcher that starts."""
        for one in discovery.chores("connectors", self.resources):
            if one.name == "conversions to SAP":
                await one.chore()


@pytest.fixture
def settling_seconds() -> float:
    """Long over, unless a test says otherwise."""
    return 0.001


@pytest.fixture
async def case(pool: Pool, simulated: Simulated, settling_seconds: float) -> AsyncIterator[Sales]:
    settings = settings_of(simulated, settling_seconds=settling_seconds)
    case = Sales(Resources(Settings(sap=settings), pool))
    await case.switch()
    yield case
    await connectors.close(case.resources)


class Selling(Sales):
    """Opportunities that are won."""

    async def look(self) -> None:
        """As a dispatcher whose turn it is."""
        await self.sql("UPDATE runtime.polled SET not_before = now()")
        for one in discovery.chores("connectors", self.resources):
            if one.name == "wins to SAP":
                await one.chore()

    async def win(
        self, deal: str = "deal", account: str | None = "acme", amount: float = 1234.5, product: str = ""
    ) -> None:
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
        await connectors.deliveries(self.resources)[ORDERS](OutboxRow(1, ORDERS, win.opportunity_id, "o1", given, 0))

    @property
    def delivery(self) -> OrderDelivery:
        found = connectors.deliveries(self.resources)[ORDERS]
        assert isinstance(found, OrderDelivery)
        return found


@pytest.fixture
async def selling(pool: Pool, simulated: Simulated, tmp_path: Path, settling_seconds: float) -> AsyncIterator[Selling]:
    """The account `acme` is a customer by the mapping."""
    text = SHIPPED.read_text().replace("customers:", f'customers:\n  acme: "{CUSTOMER}"')
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    simulated.system.insert(
        "A_BusinessPartner",
        {"BusinessPartner": CUSTOMER, "BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme",
         "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU01"}]},
    )  # fmt: skip
    simulated.system.writes.clear()
    settings = settings_of(simulated, order_mapping=path, settling_seconds=settling_seconds)
    selling = Selling(Resources(Settings(sap=settings), pool))
    await selling.switch()
    await selling.look()
    yield selling
    await connectors.close(selling.resources)
