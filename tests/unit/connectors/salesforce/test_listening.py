"""Salesforce tells what changes: nothing is lost and nothing taken twice, whatever breaks off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from tests.simulators.salesforce.bus import Bus, Trouble
from tests.simulators.salesforce.serving import Simulated
from tests.unit.connectors.conftest import hire
from tests.unit.connectors.salesforce.conftest import settings_of
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors import wiring as connectors
from workers.connectors.salesforce import eventbus, listening
from workers.connectors.sync import making
from workers.connectors.sync.nightly import Night
from workers.lead_routing import wiring
from workers.lead_routing.ports.crm import CHANNEL
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.housekeeping import ended
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Settings

NEW = {"FirstName": "Zoë", "LastName": "Stone", "Email": "zoe.stone@acme.es", "Company": "Acme"}
AWAY = Trouble(grpc.StatusCode.UNAVAILABLE, "service.unavailable")


@pytest.fixture
def bus(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> Bus:
    monkeypatch.setattr(listening, "FIRST_SECONDS", 0.05)
    simulated.bus.serve()
    return simulated.bus


@pytest.fixture
async def case(pool: Pool, simulated: Simulated, bus: Bus) -> AsyncIterator[Casework]:
    told = settings_of(simulated, changes="events", pubsub_address=bus.address, poll_seconds=60, reconcile_at=None)
    case = Casework(Resources(Settings(crm="salesforce", salesforce=told), pool))
    await hire(case, "ana", "ben")
    yield case
    await wiring.close(case.resources)
    await connectors.close(case.resources)


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(60):
        while not (found := await holds()):  # noqa: ASYNC110 - the database tells of nothing
            await asyncio.sleep(0.02)
    return found


def chore(case: Casework) -> Callable[[], Awaitable[int]]:
    return next(one.chore for one in discovery.chores("connectors", case.resources) if one.name == "salesforce events")


@contextlib.asynccontextmanager
async def listening_to(case: Casework, bus: Bus) -> AsyncIterator[asyncio.Task[int]]:
    before = len(bus.subscriptions)
    task = asyncio.ensure_future(chore(case)())
    try:

        async def begun() -> bool:
            return len(bus.subscriptions) > before or task.done()

        await until(begun)
        yield task
    finally:
        await ended([task])


async def leads(case: Casework) -> list[str]:
    return [row["external_id"] for row in await case.sql("SELECT external_id FROM routing.leads ORDER BY external_id")]


async def taken(case: Casework, number: int) -> None:
    async def all_of_them() -> bool:
        return len(await leads(case)) >= number

    await until(all_of_them)


async def place(case: Casework) -> dict[str, Any] | None:
    rows = await case.sql("SELECT * FROM sync.streams")
    return dict(rows[0]) if rows else None


async def missed(case: Casework) -> str:
    async def said() -> str | None:
        found = await place(case)
        return found["missed"] if found else None

    return str(await until(said))


async def test_a_new_lead_is_taken_at_once_and_our_echo_starts_nothing(
    case: Casework, simulated: Simulated, bus: Bus
) -> None:
    async with listening_to(case, bus):
        lead = simulated.org.put("Lead", **NEW)
        await taken(case, 1)
        row = await case.one("SELECT * FROM routing.leads")
        assert (row["raw"]["name"], row["external_id"]) == ("Zoë Stone", lead["Id"])
        await case.sql("DELETE FROM runtime.outbox")
        await case.run("register_lead", lead_id=row["lead_id"], correction_sla={"remind": 1, "due": 2, "escalate": 3})
        change = {"lead_id": row["lead_id"], "owner_id": "ana", "status": "assigned", "fields": {"name": "Zoë Stone"}}
        await wiring.deliveries(case.resources)[CHANNEL](OutboxRow(1, CHANNEL, row["lead_id"], "c1", change, 0))
        second = simulated.org.put("Lead", LastName="Second", Company="Acme")
        await taken(case, 2)
    assert await leads(case) == sorted([lead["Id"], second["Id"]])
    assert len(await case.sql("SELECT FROM runtime.outbox WHERE channel = 'zeebe.message'")) == 1
    assert simulated.org.records["User"][lead["OwnerId"]]["Email"] == "Ana@example.com"


async def test_what_people_change_and_delete_is_followed_and_other_fields_cost_nothing(
    case: Casework, simulated: Simulated, bus: Bus
) -> None:
    lead, gone = (simulated.org.put("Lead", **NEW, OwnerId=simulated.org.person(f"{one}@example.com", one)) for one in ("ben", "ana"))  # fmt: skip
    await making.importing(case.resources, "salesforce").run(since=None, route=False, dry=False)
    async with listening_to(case, bus):
        await until(lambda: place(case))
        simulated.org.edit("Lead", lead["Id"], Company="A first change")  # after the look of the first place

        async def seen() -> bool:
            found = await place(case)
            return bool(found and found["replay_id"] == bus.newest)

        await until(seen)
        asked = simulated.asked("queryAll")
        for number in range(5):
            simulated.org.edit("Lead", lead["Id"], City=f"Vigo {number}")
        await until(seen)
        assert simulated.asked("queryAll") == asked
        simulated.org.edit("Lead", lead["Id"], LastName="Stein")  # a part of the name, which has a bitmap of its own
        simulated.org.delete("Lead", gone["Id"])

        async def followed() -> bool:
            row = await case.one("SELECT lead FROM routing.leads WHERE external_id = %s", lead["Id"])
            known = await case.one("SELECT gone_at FROM sync.records WHERE record_id = %s", gone["Id"])
            return row["lead"]["name"] == "Zoë Stein" and known["gone_at"] is not None

        await until(followed)


async def test_many_come_as_fast_as_they_are_taken(case: Casework, simulated: Simulated, bus: Bus) -> None:
    async with listening_to(case, bus):
        for number in range(230):
            simulated.org.put("Lead", LastName=f"L{number}", Company="Acme")
        await taken(case, 230)
    assert len(set(await leads(case))) == 230


@pytest.mark.parametrize("dies_at", [1, 2])
async def test_killed_in_the_middle_it_goes_on_after_what_was_taken(
    case: Casework, simulated: Simulated, bus: Bus, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    note, notes = listening._note, 0

    async def dies(connection: Any, stream: str, where: bytes | None, why: str | None) -> None:
        nonlocal notes
        await note(connection, stream, where, why)
        notes += 1
        if notes == dies_at + 1:  # inside of the transaction
            raise asyncio.CancelledError

    bus.batch, bus.keepalive_seconds = 10, 60.0
    async with listening_to(case, bus):
        simulated.org.put("Lead", LastName="First", Company="Acme")
        await taken(case, 1)
    monkeypatch.setattr(listening, "_note", dies)
    notes = 1
    async with listening_to(case, bus) as task:
        for number in range(40):
            simulated.org.put("Lead", LastName=f"L{number}", Company="Acme")
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(task), 60)
    monkeypatch.setattr(listening, "_note", note)
    assert len(await leads(case)) < 41
    async with listening_to(case, bus):
        await taken(case, 41)
    assert len(set(await leads(case))) == 41
    started = await case.sql("SELECT business_id FROM runtime.outbox WHERE channel = 'zeebe.message'")
    assert len({row["business_id"] for row in started}) == len(started) == 41
    assert bus.subscriptions[-1]["preset"] == eventbus.CUSTOM


async def test_a_gap_is_read_anew_and_what_is_not_told_is_compared(
    case: Casework, simulated: Simulated, bus: Bus
) -> None:
    ana = simulated.org.person("ana@example.com", "Ana")
    first, second = (simulated.org.put("Lead", **NEW, OwnerId=ana) for _ in range(2))
    await making.importing(case.resources, "salesforce").run(since=None, route=False, dry=False)
    tell, simulated.org.tell = simulated.org.tell, None  # Salesforce could make no events of these
    simulated.org.edit("Lead", first["Id"], Company="In a gap")
    simulated.org.edit("Lead", second["Id"], Company="Overflowed")
    simulated.org.tell = tell

    async def company(record: str, wanted: str) -> bool:
        row = await case.one("SELECT lead FROM routing.leads WHERE external_id = %s", record)
        return bool(row["lead"]["company"] == wanted)

    await case.sql("UPDATE runtime.polled SET seen_until = now() + interval '1 day'")  # only events tell
    async with listening_to(case, bus):
        await case.sql("UPDATE runtime.polled SET seen_until = now() + interval '1 day'")
        bus.send("Lead", "GAP_UPDATE", [first["Id"]], first, set(), "com/salesforce/ui")
        await until(lambda: company(first["Id"], "In a gap"))
        assert not await Night(case.resources, "salesforce")._wanted(None)
        bus.send("Lead", "GAP_OVERFLOW", ["000000000000000AAA"], second, set(), "com/salesforce/ui")
        assert "100,000" in await missed(case)
    night = Night(case.resources, "salesforce")
    await night.look()
    assert await company(second["Id"], "Overflowed")
    assert not await night._wanted(None)  # once is enough


async def test_an_event_that_can_not_be_read_stops_nothing_and_everything_is_compared(
    case: Casework, simulated: Simulated, bus: Bus
) -> None:
    async with listening_to(case, bus):
        bus.keep("Lead", bus.schema_of("Lead")[0], b"\xff" * 9, simulated.org.clock())
        bus.keep("Lead", "nobody knows it", b"", simulated.org.clock())
        simulated.org.put("Lead", **NEW)
        await taken(case, 1)
        assert "schema" in await missed(case)


@pytest.mark.parametrize("how", ["expired", "corrupted"])
async def test_a_place_that_is_none_any_more_is_left_and_everything_is_compared(
    case: Casework, simulated: Simulated, bus: Bus, how: str
) -> None:
    ana = simulated.org.person("ana@example.com", "Ana")
    lead = simulated.org.put("Lead", **NEW, OwnerId=ana)
    await making.importing(case.resources, "salesforce").run(since=None, route=False, dry=False)
    async with listening_to(case, bus):
        simulated.org.put("Lead", LastName="Heard", Company="Acme")
        await taken(case, 2)
    simulated.org.edit("Lead", lead["Id"], Company="Unheard")
    if how == "expired":
        bus.forget()
    else:
        await case.sql("UPDATE sync.streams SET replay_id = 'abc'")
    async with listening_to(case, bus):
        assert "replayid" in await missed(case)

        async def again() -> bool:
            return bus.subscriptions[-1]["preset"] == eventbus.LATEST and len(bus.subscriptions) > 1

        await until(again)
        simulated.org.put("Lead", LastName="After", Company="Acme")
        await taken(case, 3)
        found = await place(case)
        assert found is not None
        assert found["missed_at"] is not None
    await Night(case.resources, "salesforce").look()
    row = await case.one("SELECT lead FROM routing.leads WHERE external_id = %s", lead["Id"])
    assert row["lead"]["company"] == "Unheard"


async def test_a_session_that_ends_in_the_middle_is_renewed(case: Casework, simulated: Simulated, bus: Bus) -> None:
    async with listening_to(case, bus):
        for number in range(1, 4):
            simulated.org.put("Lead", LastName=f"L{number}", Company="Acme")
            simulated.door.sessions.clear()
            await taken(case, number)


async def test_a_broker_that_is_away_for_a_while_loses_nothing(case: Casework, simulated: Simulated, bus: Bus) -> None:
    async with listening_to(case, bus):
        simulated.org.put("Lead", LastName="First", Company="Acme")
        await taken(case, 1)
        bus.faults = [AWAY, None, AWAY, AWAY]
        simulated.org.put("Lead", LastName="Second", Company="Acme")
        await taken(case, 2)
        bus.stop()
        simulated.org.put("Lead", LastName="Third", Company="Acme")
        bus.serve(bus.address)
        await taken(case, 3)
    assert bus.subscriptions[-1]["preset"] == eventbus.CUSTOM


async def test_while_salesforce_can_not_tell_it_is_looked_for(
    pool: Pool, case: Casework, simulated: Simulated, bus: Bus
) -> None:
    """Change Data Capture was not switched on, or is again: slower, and nothing is lost."""
    bus.enabled.clear()
    told = case.resources.settings.salesforce.model_copy(update={"poll_seconds": 1.0})
    quick = Resources(case.resources.settings.model_copy(update={"salesforce": told}), pool)
    [listen] = [one for one in discovery.chores("connectors", quick) if one.name == "salesforce events"]
    task = asyncio.ensure_future(listen.chore())
    try:
        await until(lambda: case.sql("SELECT FROM runtime.polled"))
        simulated.org.put("Lead", **NEW)
        await taken(case, 1)
    finally:
        await ended([task])
        await connectors.close(quick)


async def test_of_two_dispatchers_one_listens(case: Casework, bus: Bus) -> None:
    async with listening_to(case, bus):
        assert await chore(case)() == 0
    assert len(bus.subscriptions) == 1


async def test_without_events_it_is_polled(case: Casework) -> None:
    polling = case.resources.settings.salesforce.model_copy(update={"changes": "polling"})
    settings = case.resources.settings.model_copy(update={"salesforce": polling})
    names = [one.name for one in discovery.chores("connectors", Resources(settings, case.resources.pool))]
    assert "salesforce leads" in names
    assert "salesforce events" not in names
