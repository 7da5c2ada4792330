"""What Salesforce may answer, and what becomes of it: nothing is lost, nothing is taken for what it is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.simulators.salesforce.door import Fault as Broken
from tests.simulators.salesforce.serving import Simulated
from tests.unit.connectors.salesforce.conftest import MakeClient
from workers.connectors.answers import (
    DAILY_SECONDS,
    REFUSED_SECONDS,
    SystemConflict,
    SystemDown,
    SystemPause,
    SystemRefused,
)
from workers.connectors.salesforce import answers, soql
from workers.connectors.salesforce.answers import Fault
from workers.connectors.salesforce.client import SalesforceClient
from workers.connectors.salesforce.mapping import host
from workers.connectors.salesforce.pace import SPREAD_SECONDS, Pace
from workers.connectors.salesforce.read import CHANGED
from workers.runtime.outside_http import UNTOLD_SECONDS

LEAD = "Fairlead_Lead_Id__c"
RUIZ = {"LastName": "Ruiz", "Company": "Acme"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("broken", ["html", "half", "text", "500", "502", "503", "silent"])
async def test_what_is_no_answer_is_tried_again(make_client: MakeClient, simulated: Simulated, broken: Broken) -> None:
    client = make_client(seconds=0.5 if broken == "silent" else 5.0)
    simulated.door.faults = [broken, broken]
    for attempt in (client.get("Lead", "00Q", ["Id"]), client.upsert("Lead", LEAD, {"lead-1": RUIZ})):
        with pytest.raises(SystemDown):
            await attempt
    assert simulated.org.writes == []
    assert isinstance((await client.upsert("Lead", LEAD, {"lead-1": RUIZ}))["lead-1"], str)


async def test_a_port_where_nothing_listens_is_tried_again(make_client: MakeClient) -> None:
    with pytest.raises(SystemDown):
        await make_client(base_url="http://127.0.0.1:1").get("Lead", "00Q", ["Id"])


async def test_an_answer_that_is_lost_makes_no_second_lead(client: SalesforceClient, simulated: Simulated) -> None:
    simulated.door.faults = ["lost"]
    with pytest.raises(SystemDown):
        await client.upsert("Lead", LEAD, {"lead-1": RUIZ})
    await client.upsert("Lead", LEAD, {"lead-1": RUIZ})
    assert len(simulated.leads) == 1


@pytest.mark.parametrize(
    ("broken", "seconds"),
    [("daily", DAILY_SECONDS), ("concurrent", UNTOLD_SECONDS), ("429_bare", UNTOLD_SECONDS), ("503_later", 20.0)],
)
async def test_a_pause_is_kept_without_asking_again(
    make_client: MakeClient, simulated: Simulated, broken: Broken, seconds: float
) -> None:
    clock = Clock()
    client = make_client(pace=Pace(clock))
    await client.session()
    simulated.door.faults = [broken]
    for waited in (0.0, 0.3):
        clock.now += waited
        with pytest.raises(SystemPause) as pause:
            await client.get("Lead", "00Q", ["Id"])
        assert pause.value.retry_after == pytest.approx(seconds - waited)
    assert simulated.asked("sobjects") == 1
    clock.now += seconds
    assert await client.get("Lead", "00Q", ["Id"]) is None


async def test_a_session_that_ends_in_the_middle_is_renewed_and_the_request_done_once(
    client: SalesforceClient, simulated: Simulated
) -> None:
    simulated.door.lasts = 3
    for number in range(7):
        outcome = await client.upsert("Lead", LEAD, {f"lead-{number}": RUIZ})
        assert isinstance(outcome[f"lead-{number}"], str)
    assert len(simulated.leads) == 7
    assert simulated.asked("oauth2") == 3


async def test_a_session_that_is_refused_at_once_parks(client: SalesforceClient, simulated: Simulated) -> None:
    simulated.door.faults = ["401", "401"]
    for _ in range(2):
        with pytest.raises(SystemPause, match="IP relaxation") as pause:
            await client.get("Lead", "00Q", ["Id"])
    assert pause.value.retry_after == pytest.approx(REFUSED_SECONDS, abs=5)
    assert simulated.asked("oauth2") == 2
    assert simulated.asked("sobjects") == 2


async def test_what_is_left_of_a_day_is_spread_and_its_end_seen_before_the_refusal(
    make_client: MakeClient, simulated: Simulated
) -> None:
    clock = Clock()
    simulated.door.daily, simulated.door.used = 1_000, 899
    client = make_client(pace=Pace(clock))
    await client.get("Lead", "00Q", ["Id"])  # a tenth is left
    await client.get("Lead", "00Q", ["Id"])
    assert client.pace.used == (901, 1_000)
    await client.get("Lead", "00Q", ["Id"])  # from now on there is a step
    with pytest.raises(SystemPause) as pause:
        await client.get("Lead", "00Q", ["Id"])
    assert pause.value.retry_after == pytest.approx(SPREAD_SECONDS / 99)
    simulated.door.used = 999
    clock.now += SPREAD_SECONDS
    await client.get("Lead", "00Q", ["Id"])
    asked = len(simulated.door.asked)
    clock.now += 1
    with pytest.raises(SystemPause, match="used up") as end:
        await client.get("Lead", "00Q", ["Id"])
    assert end.value.retry_after == pytest.approx(DAILY_SECONDS - 1)
    assert len(simulated.door.asked) == asked


@pytest.mark.parametrize("said", ["", "api-usage=all/5000", "per-app-api-usage=17/250(appName=other)", "api-usage=1/"])
def test_a_header_that_makes_no_sense_is_no_limit(said: str) -> None:
    pace = Pace(Clock())
    pace.told({"sforce-limit-info": said})
    assert pace.used is None


def test_the_organisations_limit_is_told_from_the_apps() -> None:
    pace = Pace(Clock())
    pace.told({"sforce-limit-info": "per-app-api-usage=17/250(appName=x); api-usage=18/5000"})
    assert pace.used == (18, 5_000)


async def test_a_collection_is_sent_in_parts_and_each_record_has_its_own_outcome(
    client: SalesforceClient, simulated: Simulated
) -> None:
    records: dict[str, dict[str, str]] = {f"lead-{number}": RUIZ for number in range(450)}
    records["lead-7"] = {"LastName": "Ruiz"}
    records["lead-300"] = {**RUIZ, "Email": "private text"}
    done = await client.upsert("Lead", LEAD, records)
    assert done.keys() == records.keys()
    assert {one: found for one, found in done.items() if isinstance(found, Fault)} == {
        "lead-7": Fault("REQUIRED_FIELD_MISSING", ("Company",)),
        "lead-300": Fault("INVALID_EMAIL_ADDRESS", ("Email",)),
    }
    assert len(simulated.leads) == 448
    assert simulated.asked("composite") == 3


def test_results_that_tell_nothing_are_no_outcome() -> None:
    for odd in (
        {},
        {"success": True},
        {"success": True, "id": 7},
        {"success": False},
        {"success": False, "errors": "x"},
    ):
        assert answers.outcome(odd) is None
    assert answers.outcome({"success": True, "id": "00Q"}) == "00Q"
    assert answers.outcome({"errors": [{"statusCode": "A b", "fields": ["x y", "Ok__c"]}]}) == Fault(
        "UNKNOWN", ("Ok__c",)
    )


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"Email": "private text"}, "Email"),
        ({"Nowhere__c": "private text"}, "Nowhere__c"),
        ({"CreatedDate": "private text"}, "CreatedDate"),
        ({"FirstName": "private text" * 10}, "FirstName"),
        ({"OwnerId": "private text"}, "OwnerId"),
    ],
)
async def test_what_salesforce_refuses_is_named_without_the_value(
    client: SalesforceClient, simulated: Simulated, values: dict[str, str], named: str
) -> None:
    lead = simulated.org.put("Lead", **RUIZ)
    with pytest.raises(SystemRefused, match=named) as refused:
        await client.update("Lead", lead["Id"], values, unless_changed_since=None)
    assert "private" not in str(refused.value)


async def test_a_locked_row_is_a_conflict_and_not_a_failure_of_salesforce(
    client: SalesforceClient, simulated: Simulated
) -> None:
    lead = simulated.org.put("Lead", **RUIZ)
    simulated.org.locks[lead["Id"]] = 1
    with pytest.raises(SystemConflict, match="in hand"):
        await client.update("Lead", lead["Id"], {"City": "Vigo"}, unless_changed_since=None)
    await client.update("Lead", lead["Id"], {"City": "Vigo"}, unless_changed_since=None)
    assert lead["City"] == "Vigo"


async def test_a_lead_that_somebody_changed_since_is_not_written(
    client: SalesforceClient, simulated: Simulated
) -> None:
    simulated.org.clock = lambda: 1_800_000_000.0
    lead = simulated.org.put("Lead", **RUIZ)
    read = await client.get("Lead", lead["Id"], ["Id", CHANGED])
    assert read is not None
    assert read.changed == datetime.fromtimestamp(1_800_000_000, UTC)
    assert read.at == read.changed
    before = datetime.fromtimestamp(1_800_000_000, UTC) - timedelta(seconds=1)
    with pytest.raises(SystemConflict, match="somebody changed"):
        await client.update("Lead", lead["Id"], {"City": "Vigo"}, unless_changed_since=before)
    await client.update("Lead", lead["Id"], {"City": "Vigo"}, unless_changed_since=read.changed)
    assert lead["City"] == "Vigo"


async def test_an_id_that_several_have_is_said(client: SalesforceClient, simulated: Simulated) -> None:
    for _ in range(2):
        simulated.org.put("Lead", **RUIZ, Fairlead_Lead_Id__c="lead-1")
    with pytest.raises(SystemRefused, match="must be unique"):
        await client.get("Lead", "lead-1", ["Id"], key=LEAD)


async def test_a_lead_that_was_deleted_is_not_there(client: SalesforceClient, simulated: Simulated) -> None:
    lead = simulated.org.put("Lead", **RUIZ)
    lead["IsDeleted"] = True
    assert await client.get("Lead", lead["Id"], ["Id"]) is None
    with pytest.raises(SystemConflict, match="deleted"):
        await client.update("Lead", lead["Id"], {"City": "Vigo"}, unless_changed_since=None)


async def test_a_query_goes_through_all_pages(client: SalesforceClient, simulated: Simulated) -> None:
    simulated.door.page = 200
    for number in range(450):
        simulated.org.put("Account", Name=f"Acme {number}")
    found = await client.query(soql.select({"Id", "Name"}, "Account", "Name LIKE 'acme%'", order="Id"))
    assert len({record.id for record in found}) == 450
    assert simulated.asked("query") == 3


async def test_a_next_page_elsewhere_is_not_asked(
    client: SalesforceClient, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"totalSize": 1, "done": False, "records": [], "nextRecordsUrl": "http://127.0.0.1:1/services/data/x"}
    monkeypatch.setattr(answers, "read", lambda _answer, _what: body)
    with pytest.raises(SystemDown, match="next page"):
        await client.query("SELECT Id FROM Lead")
    assert simulated.asked("query") == 1


@pytest.mark.parametrize(
    "odd", ["O'Brien", "a\\", "'; DROP", '%_"\n\t', "\\' OR Name != '", "é 漢", "' OR IsDeleted = false OR Name = '"]
)
async def test_values_in_queries_are_nothing_but_values(
    client: SalesforceClient, simulated: Simulated, odd: str
) -> None:
    simulated.org.put("Account", Name="Other")
    wanted = simulated.org.put("Account", Name=odd)
    for condition in (f"Name = {soql.text(odd)}", f"Name LIKE {soql.like(odd)}"):
        found = await client.query(soql.select({"Id"}, "Account", condition))
        assert [record.id for record in found] == [wanted["Id"]]


async def test_ids_are_no_way_to_other_addresses(client: SalesforceClient, simulated: Simulated) -> None:
    for odd in ("../Account", "1?fields=x", "a/b", "é %"):
        assert await client.get("Lead", odd, ["Id"], key=LEAD) is None
    assert all(one.startswith("GET /services/data/v62.0/sobjects/Lead/") for one in simulated.door.asked[1:])


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.acme.es/en?x=1", "acme.es"), ("acme.es", "acme.es"), ("WWW.ACME.ES:443", "acme.es"),
        ("http://[", None), ("", None), ("mailto", "mailto"),
    ],
)  # fmt: skip
def test_the_domain_of_an_address_on_the_web(website: str, domain: str | None) -> None:
    assert host(website) == domain


async def test_numbers_and_flags_are_read_as_text(client: SalesforceClient, simulated: Simulated) -> None:
    account = simulated.org.put("Account", Name="Acme", NumberOfEmployees=7, AnnualRevenue=1.5)
    names = ["Id", "NumberOfEmployees", "AnnualRevenue", "IsDeleted", "Phone"]
    found = await client.get("Account", account["Id"], names)
    assert found is not None
    assert [found.get(name) for name in names] == [account["Id"], "7", "1.5", "false", None]
