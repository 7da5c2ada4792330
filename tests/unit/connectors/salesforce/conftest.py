"""A simulated Salesforce, clients of it, and lead routing that has it as its CRM."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.simulators.salesforce.serving import Simulated, served
from tests.unit.connectors.conftest import hire
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors import wiring as connectors
from workers.connectors.salesforce import making
from workers.connectors.salesforce.client import SalesforceClient
from workers.connectors.salesforce.login import Login
from workers.connectors.salesforce.pace import Pace
from workers.lead_routing import wiring
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Salesforce, Settings

MakeClient = Callable[..., SalesforceClient]


@pytest.fixture
def bare() -> Iterator[Simulated]:
    """An organisation as Salesforce gives it, without Fairlead's fields."""
    with served() as simulated:
        yield simulated


@pytest.fixture
def simulated(bare: Simulated) -> Simulated:
    """An organisation that is prepared for Fairlead; Ana and Zoe are users, Zoe is no rep of ours."""
    bare.org.prepare()
    bare.org.person("Ana@example.com", "Ruiz", "Ana")
    bare.org.person("zoe@example.com", "Stone", "Zoe")
    return bare


@pytest.fixture
def ticking(simulated: Simulated) -> Simulated:
    """At each look at its clock a second has passed there."""
    seconds = count(int(simulated.org.clock()))
    simulated.org.clock = lambda: float(next(seconds))
    return simulated


def settings_of(simulated: Simulated, **more: object) -> Salesforce:
    log_in = {"client_id": simulated.door.client_id, "client_secret": simulated.door.client_secret}
    return Salesforce.model_validate({"base_url": simulated.url, "trusted_hosts": ["127.0.0.1"], **log_in, **more})


@pytest.fixture
async def make_client(simulated: Simulated) -> AsyncIterator[MakeClient]:
    made: list[SalesforceClient] = []

    def make(*, seconds: float = 5.0, pace: Pace | None = None, **settings: Any) -> SalesforceClient:
        given = settings_of(simulated, **settings)
        made.append(making.client(given, Login(given), pace or Pace(), seconds=seconds))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def client(make_client: MakeClient) -> SalesforceClient:
    return make_client()


@pytest.fixture
async def case(pool: Pool, simulated: Simulated) -> AsyncIterator[Casework]:
    """Lead routing with Salesforce; Ana is a rep with a user there, Ben a rep without."""
    case = Casework(Resources(Settings(crm="salesforce", salesforce=settings_of(simulated)), pool))
    await hire(case, "ana", "ben")
    yield case
    await wiring.close(case.resources)
    await connectors.close(case.resources)
