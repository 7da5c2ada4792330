"""A simulated HubSpot, clients of it, and lead routing that has it as its CRM."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from tests.simulators.hubspot.serving import Simulated, served
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors import wiring as connectors
from workers.connectors.hubspot import making
from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.hubspot.login import Login
from workers.connectors.hubspot.pace import Pace
from workers.lead_routing import wiring
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import HubSpot, Settings

MakeClient = Callable[..., HubSpotClient]


@pytest.fixture
def bare() -> Iterator[Simulated]:
    """An account as HubSpot gives it, without Fairlead's properties."""
    with served() as simulated:
        yield simulated


@pytest.fixture
def simulated(bare: Simulated) -> Simulated:
    """An account that is prepared for Fairlead; Ana and Zoe are owners, Zoe is no rep of ours."""
    bare.account.prepare()
    bare.account.owner("Ana@example.com", "Ana", "Ruiz")
    bare.account.owner("zoe@example.com", "Zoe", "Stone")
    return bare


def settings_of(simulated: Simulated, **more: object) -> HubSpot:
    return HubSpot.model_validate(
        {"base_url": simulated.url, "trusted_hosts": ["127.0.0.1"], "access_token": simulated.door.token, **more}
    )


@pytest.fixture
async def make_client(simulated: Simulated) -> AsyncIterator[MakeClient]:
    made: list[HubSpotClient] = []

    def make(*, seconds: float = 5.0, pace: Pace | None = None, **settings: object) -> HubSpotClient:
        given = settings_of(simulated, **settings)
        made.append(making.client(given, Login(given), pace or Pace(), seconds=seconds))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def client(make_client: MakeClient) -> HubSpotClient:
    return make_client()


@pytest.fixture
async def case(pool: Pool, simulated: Simulated) -> AsyncIterator[Casework]:
    """Lead routing with HubSpot; Ana is a rep with an owner there, Ben a rep without."""
    settings = Settings(crm="hubspot", hubspot=settings_of(simulated, client_secret=SecretStr("app secret")))
    case = Casework(Resources(settings, pool))
    await hire(case, "ana", "ben")
    yield case
    await wiring.close(case.resources)
    await connectors.close(case.resources)


async def hire(case: Casework, *reps: str) -> None:
    for rep in reps:
        await case.sql(
            """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
                   languages, skills, weight, daily_capacity, open_capacity)
               VALUES (%s, %s, %s, %s, '{iberia}', 'UTC', 'ES', %s, '{es}', '{}', 1, 5, 5)""",
            *(rep, rep.title(), f"{rep}@example.com", rep, Jsonb({})),
        )
