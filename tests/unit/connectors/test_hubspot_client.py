"""What HubSpot may answer, and what becomes of it: nothing is lost, nothing is taken for what it is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.hubspot.limits import Fault as Broken
from tests.simulators.hubspot.serving import Simulated
from tests.unit.connectors.conftest import MakeClient
from workers.connectors.answers import DAILY_SECONDS, REFUSED_SECONDS, SystemDown, SystemPause, SystemRefused
from workers.connectors.hubspot import answers, pace
from workers.connectors.hubspot.answers import Fault
from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.hubspot.pace import Pace
from workers.connectors.records import Record
from workers.runtime.outside_http import UNTOLD_SECONDS

LEAD = "fairlead_lead_id"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Impatient(Pace):
    """Never waits for its turn."""

    def wait(self, *, search: bool, patience: float) -> float:
        return super().wait(search=search, patience=min(patience, 0.0))


@pytest.mark.parametrize("broken", ["html", "half", "list", "500", "502", "silent"])
async def test_what_is_no_answer_is_tried_again(make_client: MakeClient, simulated: Simulated, broken: Broken) -> None:
    client = make_client(seconds=0.5 if broken == "silent" else 5.0)
    simulated.door.faults = [broken, broken]
    for attempt in (client.get("contacts", "1", []), client.upsert("contacts", LEAD, {"lead-1": {}})):
        with pytest.raises(SystemDown):
            await attempt
    assert simulated.account.writes == []
    assert isinstance((await client.upsert("contacts", LEAD, {"lead-1": {}}))["lead-1"], Record)


async def test_a_port_where_nothing_listens_is_tried_again(make_client: MakeClient) -> None:
    with pytest.raises(SystemDown):
        await make_client(base_url="http://127.0.0.1:1").get("contacts", "1", [])


async def test_an_answer_that_is_lost_makes_no_second_contact(client: HubSpotClient, simulated: Simulated) -> None:
    simulated.door.faults = ["lost"]
    with pytest.raises(SystemDown):
        await client.upsert("contacts", LEAD, {"lead-1": {"email": "ana@acme.es"}})
    await client.upsert("contacts", LEAD, {"lead-1": {"email": "ana@acme.es"}})
    assert len(simulated.account.records["contacts"]) == 1


@pytest.mark.parametrize(
    ("broken", "seconds"),
    [
        ("429_secondly", 3.0),
        ("429_bare", UNTOLD_SECONDS),
        ("503_later", 20.0),
        ("429_daily", DAILY_SECONDS),
        ("401", REFUSED_SECONDS),
    ],
)
async def test_a_pause_is_kept_without_asking_again(
    make_client: MakeClient, simulated: Simulated, broken: Broken, seconds: float
) -> None:
    clock = Clock()
    client = make_client(pace=Pace(clock))
    simulated.door.faults = [broken]
    for waited in (0.0, 0.3):
        clock.now += waited
        with pytest.raises(SystemPause) as pause:
            await client.get("contacts", "1", [])
        assert pause.value.retry_after == pytest.approx(seconds - waited)
    assert len(simulated.door.asked) == 1
    clock.now += seconds
    assert await client.get("contacts", "1", []) is None


async def test_hubspot_need_not_refuse_who_reads_its_headers(make_client: MakeClient, simulated: Simulated) -> None:
    clock = Clock()
    simulated.door.ten_secondly, simulated.door.clock = 20, clock
    client, asked = make_client(pace=Impatient(clock)), 0
    for _ in range(200):  # 20 s of a clock that nobody waits for
        try:
            await client.get("contacts", "1", [])
            asked += 1
        except SystemPause:
            pass
        clock.now += 0.1
    assert len(simulated.door.asked) == asked  # none was refused
    assert asked >= 40


async def test_the_days_end_is_seen_before_the_refusal(make_client: MakeClient, simulated: Simulated) -> None:
    simulated.door.daily = 2
    client = make_client()
    await client.get("contacts", "1", [])
    await client.get("contacts", "1", [])
    with pytest.raises(SystemPause) as pause:
        await client.get("contacts", "1", [])
    assert pause.value.retry_after == pytest.approx(DAILY_SECONDS, abs=5)
    assert len(simulated.door.asked) == 2


def test_searches_wait_for_their_turn() -> None:
    clock = Clock()
    one = Pace(clock)
    assert [one.wait(search=True, patience=2) for _ in range(9)] == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    with pytest.raises(SystemPause):
        one.wait(search=True, patience=1)
    assert one.wait(search=False, patience=0) == 0


def test_headers_that_make_no_sense_are_no_limits() -> None:
    one = Pace(Clock())
    one.told(
        {"X-HubSpot-RateLimit-Max": "-1", "X-HubSpot-RateLimit-Remaining": "soon", "X-HubSpot-RateLimit-Daily": "1e9"}
    )
    assert one.limits == {}
    assert one.wait(search=False, patience=0) == 0
    assert pace.SEARCHES_PER_SECOND == 4


async def test_a_batch_is_sent_in_parts(client: HubSpotClient, simulated: Simulated) -> None:
    records = {f"lead-{number}": {"email": f"l{number}@acme.es"} for number in range(250)}
    done = await client.upsert("contacts", LEAD, records)
    assert done.keys() == records.keys()
    assert all(isinstance(one, Record) for one in done.values())
    assert simulated.asked("batch/upsert") == 3


async def test_each_record_of_a_batch_has_its_own_outcome(client: HubSpotClient, simulated: Simulated) -> None:
    made = simulated.account.create("contacts", {"email": "ana@acme.es"})
    done = await client.update("contacts", {made.id: {"city": "Vigo"}, "404": {"city": "Lugo"}})
    assert isinstance(done[made.id], Record)
    fault = done["404"]
    assert isinstance(fault, Fault)
    assert fault.category == "OBJECT_NOT_FOUND"
    assert made.properties["city"] == "Vigo"


def test_errors_inside_of_an_answer_with_200_are_seen() -> None:
    record = {"id": "7", "properties": {LEAD: "a"}}
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": [record, "nonsense", {"id": 7}],
        "errors": [{"category": "VALIDATION_ERROR", "context": {LEAD: ["B"]}, "message": "secret@acme.es"}, None],
    }
    found = answers.outcomes(body, ["a", "b", "c"], LEAD)
    assert found == {"a": record, "b": Fault("VALIDATION_ERROR", ())}  # what became of c is not known
    assert answers.outcomes({"errors": [{"category": "CONFLICT"}]}, ["a"], LEAD) == {"a": Fault("CONFLICT", ())}
    assert answers.outcomes({"results": {"a": 1}, "errors": "x"}, ["a"], None) == {}


async def test_a_missing_right_is_named(client: HubSpotClient, simulated: Simulated) -> None:
    simulated.door.scopes.remove("crm.objects.contacts.write")
    with pytest.raises(SystemRefused, match=r"scope crm\.objects\.contacts\.write"):
        await client.upsert("contacts", LEAD, {"lead-1": {}})


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"email": "private text"}, "email"),
        ({"nowhere": "private text"}, "nowhere"),
        ({"createdate": "private text"}, "createdate"),
    ],
)
async def test_what_hubspot_refuses_is_named_without_the_value(
    client: HubSpotClient, properties: dict[str, str], named: str
) -> None:
    with pytest.raises(SystemRefused, match=named) as refused:
        await client.upsert("contacts", LEAD, {"lead-1": properties})
    assert "private" not in str(refused.value)


async def test_a_search_goes_through_all_pages_and_sees_changes_later(
    client: HubSpotClient, simulated: Simulated
) -> None:
    clock = Clock()
    simulated.account.clock, simulated.account.index_seconds = clock, 5.0
    for number in range(250):
        simulated.account.create("companies", {"name": f"Acme {number}", "domain": f"a{number}.es"})
    groups = [[{"propertyName": "name", "operator": "CONTAINS_TOKEN", "value": "acme*"}]]
    assert await client.search("companies", groups, ["name"]) == []
    clock.now += 5
    assert len({record.id for record in await client.search("companies", groups, ["name"])}) == 250


async def test_all_owners_are_read(client: HubSpotClient, simulated: Simulated) -> None:
    for number in range(210):
        simulated.account.owner(f"o{number}@example.com")
    assert len(await client.owners()) == 212
    assert [one["email"] for one in await client.owners("o7@example.com")] == ["o7@example.com"]


async def test_ids_are_no_way_to_other_addresses(client: HubSpotClient, simulated: Simulated) -> None:
    for odd in ("../owners", "1?properties=x", "a/b", "é %"):
        await client.get("contacts", odd, [], id_property=LEAD)
    assert all(one.startswith("GET /crm/v3/objects/contacts/") for one in simulated.door.asked)
    assert simulated.asked("owners") == 1  # as a part of an id
