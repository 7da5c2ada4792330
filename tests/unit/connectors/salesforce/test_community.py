"""The simulator behaves as the community's client expects: an independent check, as it is used against the real one."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.simulators.salesforce import forecasts
from tests.simulators.salesforce.door import Fault
from tests.simulators.salesforce.serving import Simulated

simple_salesforce = pytest.importorskip("simple_salesforce", reason="simple-salesforce is not installed")

from simple_salesforce import exceptions  # noqa: E402 - only where it is installed
from simple_salesforce.format import format_soql  # noqa: E402 - likewise

LEAD = "Fairlead_Lead_Id__c"
RUIZ = {"LastName": "O'Ruiz", "Company": "Acme"}


class Here(requests.adapters.HTTPAdapter):
    """Sends everything that is meant for Salesforce to the simulator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = re.sub(r"^https://[^/]+", self.url, str(request.url))
        return super().send(request, *args, **options)


@pytest.fixture
def session(simulated: Simulated) -> requests.Session:
    session = requests.Session()
    session.mount("https://", Here(simulated.url))
    return session


@pytest.fixture
def client(simulated: Simulated, session: requests.Session) -> Any:
    return simple_salesforce.Salesforce(
        consumer_key=simulated.door.client_id,
        consumer_secret=simulated.door.client_secret,
        domain="acme.my",
        session=session,
    )


def test_a_signed_token_is_taken(simulated: Simulated, session: requests.Session) -> None:
    key = rsa.generate_private_key(65_537, 2_048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    simulated.door.public_key = public.decode()
    given = {"username": simulated.door.username, "consumer_key": simulated.door.client_id, "session": session}
    client = simple_salesforce.Salesforce(**given, privatekey=private.decode(), domain="login")
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    with pytest.raises(exceptions.SalesforceAuthenticationFailed, match="audience is invalid"):
        simple_salesforce.Salesforce(**given, privatekey=private.decode(), domain="test")


def test_records_are_made_read_changed_and_found(client: Any, simulated: Simulated) -> None:
    made = client.Lead.create(RUIZ)
    assert made["success"] is True
    assert client.Lead.upsert(f"{LEAD}/lead-1", RUIZ) == 201
    assert client.Lead.upsert(f"{LEAD}/lead-1", {"City": "Vigo"}) == 200
    found = client.Lead.get_by_custom_id(LEAD, "lead-1")
    assert (found["City"], found["attributes"]["type"]) == ("Vigo", "Lead")
    assert client.Lead.update(made["id"], {"City": "Lugo"}) == 204
    assert client.Lead.get(made["id"])["LastModifiedById"] == simulated.org.user
    query = format_soql("SELECT Id, City FROM Lead WHERE LastName = {name} ORDER BY City", name="O'Ruiz")
    assert [one["City"] for one in client.query(query)["records"]] == ["Lugo", "Vigo"]
    assert client.api_usage["api-usage"].total == simulated.door.daily


def test_a_query_goes_through_all_pages(client: Any, simulated: Simulated) -> None:
    simulated.door.page = 200
    for number in range(450):
        simulated.org.put("Account", Name=f"Acme {number}")
    assert len({one["Id"] for one in client.query_all_iter("SELECT Id FROM Account")}) == 450


def test_collections_have_an_outcome_for_each_record(client: Any, simulated: Simulated) -> None:
    records = [
        {"attributes": {"type": "Lead"}, LEAD: "lead-1", **RUIZ},
        {"attributes": {"type": "Lead"}, LEAD: "lead-2", "LastName": "Ruiz"},
    ]
    body = {"allOrNone": False, "records": records}
    first, second = client.restful(f"composite/sobjects/Lead/{LEAD}", method="PATCH", json=body)
    assert (first["success"], first["created"], second["success"]) == (True, True, False)
    assert second["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert second["errors"][0]["fields"] == ["Company"]


def test_descriptions_limits_and_fields(client: Any) -> None:
    described = client.Lead.describe()
    assert described["updateable"] is True
    assert {one["name"]: one["externalId"] for one in described["fields"]}[LEAD] is True
    assert client.limits()["DailyApiRequests"]["Max"] == 15_000
    metadata = {"label": "X", "type": "Text", "length": 10}
    asked = {"FullName": "Lead.X__c", "Metadata": metadata}
    assert client.toolingexecute("sobjects/CustomField", method="POST", data=asked)["success"] is True


def test_a_session_that_ended_is_told_from_other_refusals(client: Any, simulated: Simulated) -> None:
    made = client.Lead.create(RUIZ)
    simulated.door.sessions.clear()
    assert client.Lead.get(made["id"])["LastName"] == RUIZ["LastName"]  # it logged in again by itself
    assert simulated.asked("oauth2") == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("daily", exceptions.SalesforceRefusedRequest),
        ("500", exceptions.SalesforceGeneralError),
        (None, exceptions.SalesforceResourceNotFound),
    ],
)
def test_errors(client: Any, simulated: Simulated, fault: Fault | None, error: type[Exception]) -> None:
    simulated.door.faults = [fault]
    with pytest.raises(error):
        client.Lead.get("00Q000000000001AAA")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE City = Vigo", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE NumberOfEmployees = '7'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE City = 'a' AND City = 'b' OR City = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE City = 'a' )", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Description = 'a'", "INVALID_FIELD"),
        ("SELECT Nowhere__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Nowhere__c", "INVALID_TYPE"),
        (r"SELECT Id FROM Lead WHERE City = 'a\z'", "MALFORMED_QUERY"),
    ],
)
def test_queries_that_salesforce_does_not_take(client: Any, query: str, error: str) -> None:
    with pytest.raises(exceptions.SalesforceMalformedRequest) as refused:
        client.query(query)
    assert error in str(refused.value)


def test_what_was_deleted_or_merged_is_found_by_who_asks_for_all(client: Any, simulated: Simulated) -> None:
    one, two, three = (client.Lead.create({**RUIZ, "LastName": name})["id"] for name in ("A", "B", "C"))
    client.Lead.delete(one)
    simulated.org.delete("Lead", two, master=three)
    query = f"SELECT Id, IsDeleted, MasterRecordId FROM Lead WHERE Id IN ('{one}', '{two}', '{three}') ORDER BY Id"
    assert [found["Id"] for found in client.query(query)["records"]] == [three]
    told = [
        (found["Id"], found["IsDeleted"], found["MasterRecordId"])
        for found in client.query_all_iter(query, include_deleted=True)
    ]
    assert told == [(one, True, None), (two, True, three), (three, False, None)]


def test_many_are_written_by_their_ids(client: Any) -> None:
    ids = [client.Lead.create({**RUIZ, "LastName": name})["id"] for name in ("A", "B")]
    records = [{"attributes": {"type": "Lead"}, "id": one, "City": "Vigo"} for one in [*ids, "00Q000000000000AAA"]]
    body = {"allOrNone": False, "records": records}
    told = client.restful("composite/sobjects", method="PATCH", json=body)
    assert [one["success"] for one in told] == [True, True, False]


def test_quotas_are_made_changed_found_and_deleted_in_collections(client: Any, simulated: Simulated) -> None:
    org = simulated.org
    revenue, ana = forecasts.switch_on(org, 2027), org.person("ben@example.com", "Ben")
    quota = {"attributes": {"type": "ForecastingQuota"}, "QuotaOwnerId": ana, "ForecastingTypeId": revenue}
    good = {**quota, "StartDate": "2027-02-17", "QuotaAmount": 5_000.5}
    bad = [
        {**good, "StartDate": "2027-03-01", "QuotaAmount": "1"},
        {**quota, "StartDate": "2027-03-01"},
        {**good, "QuotaOwnerId": org.user},
        {**good, "IsAmount": True},
        good,
    ]
    body = {"allOrNone": False, "records": [good, *bad]}
    first, *others = client.restful("composite/sobjects", method="POST", json=body)
    assert first["success"] is True
    assert [one["errors"][0]["statusCode"] for one in others] == [
        "JSON_PARSER_ERROR", "REQUIRED_FIELD_MISSING", "INSUFFICIENT_ACCESS_OR_READONLY", "INVALID_FIELD_FOR_INSERT_UPDATE",
        "DUPLICATE_VALUE",
    ]  # fmt: skip
    moved = {"attributes": {"type": "ForecastingQuota"}, "id": first["id"], "ForecastingTypeId": revenue}
    told = client.restful("composite/sobjects", method="PATCH", json={"allOrNone": False, "records": [moved]})
    assert (
        told[0]["errors"][0]["statusCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    )  # which forecast it is of is not changed
    query = f"SELECT Id, StartDate, QuotaAmount FROM ForecastingQuota WHERE StartDate IN (2027-02-01) AND QuotaOwnerId = '{ana}'"
    [found] = client.query(query)["records"]
    assert (found["StartDate"], found["QuotaAmount"]) == ("2027-02-01", 5_000.5)
    asked = {"ids": f"{first['id']},{first['id']}", "allOrNone": "false"}
    gone, again = client.restful("composite/sobjects", method="DELETE", params=asked)
    assert (gone["success"], again["errors"][0]["statusCode"]) == (True, "ENTITY_IS_DELETED")


def test_a_composite_has_a_condition_and_an_answer_for_each_request(client: Any, simulated: Simulated) -> None:
    ids = [client.Lead.create({**RUIZ, "LastName": name})["id"] for name in ("A", "B")]
    dates = ("Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT")
    parts = [
        {"method": "PATCH", "url": f"/services/data/v{client.sf_version}/sobjects/Lead/{one}", "referenceId": f"r{date[:3]}",
         "httpHeaders": {"If-Unmodified-Since": date}, "body": {"City": "Vigo"}}
        for one, date in zip(ids, dates, strict=True)
    ]  # fmt: skip
    told = client.restful("composite", method="POST", json={"allOrNone": False, "compositeRequest": parts})
    assert [(one["referenceId"], one["httpStatusCode"]) for one in told["compositeResponse"]] == [
        ("rThu", 412),
        ("rFri", 204),
    ]
    assert [simulated.org.records["Lead"][one]["City"] for one in ids] == [None, "Vigo"]
    parts[0]["httpHeaders"] = {"Authorization": "Bearer other"}
    with pytest.raises(exceptions.SalesforceMalformedRequest):
        client.restful("composite", method="POST", json={"compositeRequest": parts})


def test_jobs_read_and_write_many(client: Any, simulated: Simulated) -> None:
    simulated.jobs.page = 30
    many = [{"Fairlead_Lead_Id__c": f"l{number}", "LastName": f'"{number},', "Company": "=1+1"} for number in range(70)]
    many[7] |= {"Company": ""}
    [told] = client.bulk2.Lead.upsert(records=many, external_id_field=LEAD, wait=0)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (70, 1)
    failed = client.bulk2.Lead.get_failed_records(told["job_id"])
    assert "REQUIRED_FIELD_MISSING" in failed
    assert client.bulk2.Lead.get_successful_records(told["job_id"]).count("true") == 69
    parts = list(client.bulk2.Lead.query("SELECT Id, LastName FROM Lead", max_records=50, wait=0))
    assert len(parts) == 3
    assert sum(len(part.splitlines()) - 1 for part in parts) == 69
    assert '"""0,"' in parts[0]


def test_a_job_that_can_not_be_is_refused(client: Any) -> None:
    with pytest.raises(exceptions.SalesforceMalformedRequest, match="INVALID_FIELD"):
        list(client.bulk2.Lead.query("SELECT Nowhere__c FROM Lead", wait=0))
