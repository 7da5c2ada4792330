"""A simulated SAP, clients of it, and the delivery of conversions to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.simulators.sap.schema import EDMX
from tests.simulators.sap.serving import Simulated, served
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors import wiring as connectors
from workers.connectors.sap import making
from workers.connectors.sap.client import SapClient
from workers.gateway import commands
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Sap, Settings

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
