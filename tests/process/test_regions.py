"""Two regions with a cluster, a database and workers each, and one CRM: a lead is one region's, whoever is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.process.building import open_building
from tests.process.conftest import furnish
from tests.process.house import GOOD_LEAD, House
from tests.simulators.hubspot import serving
from tests.simulators.hubspot.records import Stored
from tests.simulators.hubspot.serving import Simulated
from tests.simulators.hubspot.telling import created, signed
from tests.unit.gateway.helpers import Board, Client, client_of
from workers.chaos.proxy import Link, open_links
from workers.connectors.sync import making as making_sync
from workers.engine.driven import DrivenEngine, Engines
from workers.gateway.app import create_app

SECRET = "app secret"
REGIONS = {
    "countries": {"north": ["DE"], "alps": ["AT", "CH"]},
    "otherwise": "alps",
    "gateways": {"north": "https://north.example", "alps": "https://alps.example"},
}


@dataclass
class Region:
    """An installation, its door, and its line to the CRM."""

    name: str
    house: House
    door: Client
    line: Link

    async def told(self, *contacts: Stored) -> None:
        """HubSpot says that contacts are new, twice, as it does."""
        body = created([one.id for one in contacts])
        headers = signed(SECRET, f"{self.house.settings.gateway_url}/v1/webhooks/hubspot", body)
        for _ in range(2):
            answer = await self.door.post("/v1/webhooks/hubspot", content=body, headers=headers)
            assert answer.status_code == 202

    async def leads(self) -> dict[str, str]:
        """Its leads' ids, by their ids in the system they came from."""
        rows = await self.house.rows("SELECT lead_id, external_id FROM routing.leads")
        return {row["external_id"]: row["lead_id"] for row in rows}

    async def all_done(self) -> bool:
        """Whether everybody it was told of was looked at, and all changes are in the CRM."""
        return not await self.house.rows("SELECT FROM runtime.outbox WHERE channel IN ('hubspot.contact', 'crm.lead')")

    async def compared(self) -> dict[str, int]:
        """What the comparison of the night counts."""
        run = await making_sync.reconciliation(self.house.resources, "hubspot").run(repair=True)
        return {name: number for name, number in run.counts.items() if name != "records there"}


@dataclass
class World:
    hubspot: Simulated
    north: Region
    alps: Region

    def person(self, name: str, country: str) -> Stored:
        """Somebody new in the CRM."""
        return self.hubspot.account.create(
            "contacts", {"email": f"{name}@{name}-werke.example", "lastname": name.title(), "country": country}
        )

    async def owned(self, region: Region, contact: Stored) -> None:
        """Wait until the region's rep has the contact, by a lead of the region's."""
        await region.house.until(
            lambda: contact.properties.get("fairlead_status") == "assigned", "the owner in the CRM"
        )
        assert contact.properties["fairlead_lead_id"] == (await region.leads())[contact.id]
        owner = next(one for one in self.hubspot.account.owners if one["id"] == contact.properties["hubspot_owner_id"])
        assert owner["email"].endswith(f"@{region.name}.example")


@pytest.fixture
async def world(
    engine: DrivenEngine,
    engines: Engines,
    database_with_model: str,
    copy_database: Callable[[str], Iterator[str]],
) -> AsyncIterator[World]:
    databases = [copy_database(database_with_model) for _ in range(2)]
    with serving.served() as hubspot, engines() as other:
        hubspot.account.prepare()
        at = urlsplit(hubspot.url)
        async with AsyncExitStack() as held:
            lines = await held.enter_async_context(
                open_links(dict.fromkeys(("north", "alps"), ("127.0.0.1", at.port or 0)))
            )
            opened = []
            for name, cluster, database in zip(("north", "alps"), (engine, other), databases, strict=True):
                connected = {
                    "base_url": f"http://127.0.0.1:{lines[name].port}",
                    "trusted_hosts": ["127.0.0.1"],
                    "access_token": hubspot.door.token,
                    "client_secret": SECRET,
                }
                given: dict[str, Any] = {"crm": "hubspot", "hubspot": connected, "regions": {"here": name, **REGIONS}}
                house = await held.enter_async_context(open_building(House, cluster, next(database), **given))
                await furnish(house)
                async with house.pool.connection() as connection:
                    await connection.execute("UPDATE routing.reps SET email = id || %s", (f"@{name}.example",))
                for rep in ("ana", "ben"):
                    hubspot.account.owner(f"{rep}@{name}.example", rep.title())
                await house.serve()
                door = await held.enter_async_context(client_of(create_app(house.settings, house.pool, Board())))
                opened.append(Region(name, house, door, lines[name]))
            yield World(hubspot, *opened)
    for database in databases:
        next(database, None)


async def test_a_lead_is_one_regions_though_both_are_told_and_one_is_lost_meanwhile(world: World) -> None:
    north, alps = world.north, world.alps

    # Both look into the same CRM and are told of everybody there: each takes its own.
    eva, uwe = world.person("eva", "Germany"), world.person("uwe", "Österreich")
    for region in (north, alps):
        await region.told(eva, uwe)
    await world.owned(north, eva)
    await world.owned(alps, uwe)
    for region in (north, alps):
        assert f"Fairlead · {region.name}</a>" in (await region.door.get("/control")).text

    # A form that sends to both doors is told which is the right one.
    form = GOOD_LEAD | {"external_id": "form-1", "email": "max@max-werke.example"}
    answer = await alps.door.post("/v1/leads", json=form)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem-type:fairlead:other-region")
    assert answer.json()["region"] == "north"
    assert "https://north.example/v1/leads" in answer.json()["detail"]
    batch = (await north.door.post("/v1/leads", json=[form, form | {"external_id": "form-2", "country": "CH"}])).json()
    assert (batch["accepted"], batch["refused"], batch["results"][1]["problem"]["region"]) == (1, 1, "alps")
    await north.house.task((await north.leads())["form-1"], "accept_lead")

    # North is lost: its workers end, and its line to the CRM is cut. The other one goes on, and takes over nothing.
    await north.house.stop()
    north.line.refusing = True
    north.line.reset()
    ida, kai, leo = world.person("ida", "Germany"), world.person("kai", "CH"), world.person("leo", "Liechtenstein")
    for region in (north, alps):
        await region.told(ida, kai, leo)
    await world.owned(alps, kai)
    await world.owned(alps, leo)
    await alps.house.until_async(alps.all_done, "the other region to have looked at everybody")
    assert "fairlead_lead_id" not in ida.properties
    assert set(await alps.leads()) == {uwe.id, kai.id, leo.id}
    assert not await north.all_done()

    # It is back, and catches up by itself; what it is told once more it knows.
    north.line.heal()
    await north.house.serve()
    await north.told(ida, kai, leo)
    await world.owned(north, ida)
    await north.house.until_async(north.all_done, "everybody to be looked at")
    assert set(await north.leads()) == {eva.id, "form-1", ida.id}
    for region in (north, alps):
        assert len(region.house.engine.process_instances("lead_routing")) == 3

    # Nobody did anything twice, and each finds its own as it should be and the other's not its business.
    written = Counter(
        (record, properties["fairlead_change"])
        for kind, record, properties in world.hubspot.account.writes
        if kind == "contacts" and "fairlead_change" in properties
    )
    assert set(written.values()) == {1}
    given = Counter(
        record for _, record, properties in world.hubspot.account.writes if "hubspot_owner_id" in properties
    )
    assert set(given.values()) == {1}
    assert len(world.hubspot.account.records["contacts"]) == 6  # five people, and the one of the form
    assert await north.compared() == {"equal": 3, "of another region": 3}
    assert await alps.compared() == {"equal": 3, "of another region": 3}
