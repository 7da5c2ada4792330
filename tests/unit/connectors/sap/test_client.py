"""SAP's good and bad answers; none of them does anything twice or loses anything."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.simulators.sap.app import SERVICE, TOKEN
from tests.simulators.sap.door import Fault
from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.sap.conftest import MakeClient, settings_of
from workers.connectors.answers import Answer, SystemConflict, SystemDown, SystemPause, SystemRefused
from workers.connectors.sap import answers, odata
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.odata import Change
from workers.settings import Sap

ACME = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme"}
PARTNERS = "A_BusinessPartner"


async def made(client: SapClient, **values: str) -> dict[str, Any]:
    return await client.create(PARTNERS, {**ACME, **values}, "make a partner")


async def found(client: SapClient, where: str = "BusinessPartnerCategory eq '2'") -> list[dict[str, Any]]:
    return await client.find(PARTNERS, where, order="BusinessPartner")


async def test_one_session_and_token_serve_all_requests(client: SapClient, simulated: Simulated) -> None:
    await asyncio.gather(*(made(client) for _ in range(5)))
    assert len(await found(client)) == 5
    assert len(simulated.door.sessions) == 1
    assert sum("fetch" in one.get("x-csrf-token", "").lower() for one in simulated.door.sent) == 1
    assert {one["sap-client"] for one in simulated.door.sent} == {"100"}


@pytest.mark.parametrize("lasts", [1, 2, 3])
async def test_a_session_that_ends_is_renewed_and_nothing_done_twice(
    client: SapClient, simulated: Simulated, lasts: int
) -> None:
    simulated.door.lasts = lasts + 1
    for _ in range(5):
        await made(client)
    assert len(simulated.system.partners) == 5


async def test_a_session_cookie_that_gets_lost_is_said(client: SapClient, simulated: Simulated) -> None:
    simulated.door.faults = ["session", "session"]
    with pytest.raises(SystemDown, match="refuses a token that it just gave"):
        await made(client)
    assert simulated.system.partners == []
    await made(client)


async def test_oauth_tokens_are_fetched_and_renewed(make_client: MakeClient, simulated: Simulated) -> None:
    given = {"username": None, "password": None, "client_id": simulated.door.client_id}
    oauth = make_client(**given, client_secret=simulated.door.client_secret, token_url=simulated.url + TOKEN)
    await made(oauth)
    simulated.door.tokens.clear()
    await made(oauth)
    assert (simulated.asked(TOKEN), len(simulated.system.partners)) == (2, 2)
    wrong = make_client(**given, client_secret="another", token_url=simulated.url + TOKEN)
    with pytest.raises(SystemPause, match="invalid_client"):
        await found(wrong)


async def test_a_wrong_password_and_a_wrong_service_are_said_and_park(
    make_client: MakeClient, simulated: Simulated
) -> None:
    one = make_client(password="another")
    with pytest.raises(SystemPause, match="refuses our log-in"):
        await found(one)
    asked = len(simulated.door.asked)
    with pytest.raises(SystemPause):
        await found(one)
    assert len(simulated.door.asked) == asked  # it is not asked for a while
    with pytest.raises(SystemPause, match="FAIRLEAD_SAP__SERVICE"):
        await found(make_client(service="/sap/opu/odata/sap/API_NOTHING"))


@pytest.mark.parametrize(
    ("fault", "raised", "said"),
    [
        ("html", SystemDown, "text/html"),
        ("half", SystemDown, "application/json"),
        ("text", SystemDown, "status 200"),
        ("inside", SystemRefused, r"R1/101 \(LastName\)"),
        ("500", SystemDown, "CX_MGW_TECH_EXCEPTION"),
        ("502", SystemDown, "502"),
        ("503", SystemDown, "503"),
        ("503_later", SystemPause, "pause"),
        ("429", SystemPause, "pause"),
        ("429_later", SystemPause, "pause"),
        ("silent", SystemDown, "did not answer"),
    ],
)
async def test_bad_answers(
    make_client: MakeClient, simulated: Simulated, fault: Fault, raised: type[Exception], said: str
) -> None:
    one = make_client(seconds=0.5 if fault == "silent" else 5.0)
    simulated.door.faults = [fault]
    with pytest.raises(raised, match=said) as error:
        await found(one)
    pauses = {"503_later": 20.0, "429": 10.0, "429_later": 7.0}
    if isinstance(error.value, SystemPause):
        assert error.value.retry_after == pauses[fault]


async def test_a_log_in_that_is_refused_once_is_made_again(client: SapClient, simulated: Simulated) -> None:
    simulated.door.faults = ["401"]
    assert await found(client) == []


async def test_what_sap_refuses_is_said_without_its_words(client: SapClient) -> None:
    with pytest.raises(SystemRefused) as refused:
        await made(client, OrganizationBPName1="A" * 41)
    assert "OrganizationBPName1" in str(refused.value)
    assert "AAAA" not in str(refused.value)
    with pytest.raises(SystemRefused, match="NoSuchThing"):
        await made(client, NoSuchThing="x")


@pytest.mark.parametrize("page", [None, 1, 3, 200])
async def test_all_pages_are_read_whoever_makes_them(
    client: SapClient, simulated: Simulated, monkeypatch: pytest.MonkeyPatch, page: int | None
) -> None:
    monkeypatch.setattr("workers.connectors.sap.client.PAGE", 4)
    simulated.service.page = page
    for number in range(9):
        simulated.system.insert(PARTNERS, {**ACME, "SearchTerm1": f"N{number}"})
    numbers = [one["SearchTerm1"] for one in await found(client)]
    assert numbers == [f"N{number}" for number in range(9)]


async def test_the_next_page_is_never_looked_for_elsewhere(client: SapClient, simulated: Simulated) -> None:
    simulated.service.page, simulated.service.root = 1, "http://169.254.169.254/latest"
    for _ in range(2):
        simulated.system.insert(PARTNERS, ACME)
    assert len(await found(client)) == 2


@pytest.mark.parametrize("name", ["O'Neill & Söhne", "100% = a+b?", "' or 1 eq 1 or ''='", "#/(x)", "名前"])
async def test_whatever_stands_in_a_literal_stays_one(client: SapClient, name: str) -> None:
    await made(client)
    mine = await made(client, OrganizationBPName1=name)
    [one] = await found(client, f"OrganizationBPName1 eq {odata.text(name)}")
    assert one["BusinessPartner"] == mine["BusinessPartner"]
    key = odata.key("A_BusinessPartnerRole", BusinessPartner="1", BusinessPartnerRole=name)
    assert await client.get(key, "read a role") is None  # and no error


async def test_a_change_set_is_made_whole_or_not_at_all(client: SapClient, simulated: Simulated) -> None:
    one = await made(client)
    path = odata.key(PARTNERS, BusinessPartner=one["BusinessPartner"])
    good = Change("PATCH", path, {"SearchTerm1": "GOOD"}, odata.etag(one))
    with pytest.raises(SystemRefused, match="BusinessPartnerRole"):
        await client.change(
            [good, Change("POST", f"{path}/to_BusinessPartnerRole", {"BusinessPartnerRole": "XX"})], "x"
        )
    assert simulated.system.partners[0]["SearchTerm1"] == ""
    await client.change(
        [good, Change("POST", f"{path}/to_BusinessPartnerRole", {"BusinessPartnerRole": "BUP002"})], "x"
    )
    assert simulated.system.partners[0]["SearchTerm1"] == "GOOD"
    assert len(simulated.system.records["A_BusinessPartnerRole"]) == 1


@pytest.mark.parametrize("tag", [None, "W/\"'0'\""])
async def test_what_changed_since_or_was_not_read_is_a_conflict(
    client: SapClient, simulated: Simulated, tag: str | None
) -> None:
    """412 and 428, inside of a batch."""
    one = await made(client)
    path = odata.key(PARTNERS, BusinessPartner=one["BusinessPartner"])
    with pytest.raises(SystemConflict):
        await client.change([Change("PATCH", path, {"SearchTerm1": "X"}, tag)], "x")
    assert simulated.system.partners[0]["SearchTerm1"] == ""


@pytest.mark.parametrize("fault", ["html", "half", "text", "lost"])
async def test_a_batch_whose_answer_says_nothing_is_not_taken_for_done(
    client: SapClient, simulated: Simulated, fault: Fault
) -> None:
    one = await made(client)
    path = odata.key(PARTNERS, BusinessPartner=one["BusinessPartner"])
    simulated.door.faults = [fault]
    with pytest.raises(SystemDown):
        await client.change([Change("PATCH", path, {"SearchTerm1": "X"}, odata.etag(one))], "x")


async def test_a_partner_that_somebody_has_open_is_a_conflict(client: SapClient, simulated: Simulated) -> None:
    one = await made(client)
    simulated.system.locked.add((one["BusinessPartner"],))
    path = odata.key(PARTNERS, BusinessPartner=one["BusinessPartner"])
    with pytest.raises(SystemConflict, match="has it open"):
        await client.change([Change("PATCH", path, {"SearchTerm1": "X"}, odata.etag(one))], "x")


async def test_a_right_that_is_missing_is_said(client: SapClient, simulated: Simulated) -> None:
    simulated.system.forbidden.add((PARTNERS, "POST"))
    with pytest.raises(SystemRefused, match="SAP_COM_0008"):
        await made(client)


async def test_an_answer_without_end_is_none(
    client: SapClient, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(client)
    monkeypatch.setattr("workers.connectors.line.MOST_BYTES", 100)
    with pytest.raises(SystemDown, match="more than 100 bytes"):
        await found(client)


@pytest.mark.parametrize(
    ("given", "is_"),
    [
        ("/Date(1479945600000)/", datetime(2016, 11, 24, tzinfo=UTC)),
        ("/Date(1479945600123+0060)/", datetime(2016, 11, 24, 0, 0, 0, 123000, tzinfo=UTC)),
        ("/Date(-86400000)/", datetime(1969, 12, 31, tzinfo=UTC)),
        ("/Date(253402300799000+0000)/", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("/Date(999999999999999)/", None),
        ("2016-11-24", None),
        (None, None),
    ],
)
def test_dates(given: object, is_: datetime | None) -> None:
    assert odata.moment(given) == is_


def test_an_error_without_any_known_form_is_still_said() -> None:
    error = {"error": {"code": "a b\n", "message": "Ana", "innererror": {"errordetails": [7, {"propertyref": 3}]}}}
    with pytest.raises(SystemRefused, match="UNKNOWN") as refused:
        answers.read(Answer(400, {}, json.dumps(error).encode()), "x")
    assert "Ana" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": None},
        {"password": None},
        {"client_id": "x"},
        {"username": None, "password": None, "client_id": "x", "client_secret": "y"},
        {
            "username": None,
            "password": None,
            "client_id": "x",
            "client_secret": "y",
            "token_url": "http://sap.example/t",
        },
        {"base_url": "http://sap.example"},
        {"client": "1"},
        {"service": "/sap/../x?y"},
    ],
)
def test_settings_that_can_not_be(simulated: Simulated, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"SAP|must be|pattern"):
        settings_of(simulated, **wrong)


def test_it_is_off_by_default() -> None:
    assert not Sap().connected
    assert Sap().service == SERVICE
