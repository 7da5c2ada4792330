"""The simulator behaves as HubSpot's own client expects: an independent check, as the client was made from the published API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.hubspot.limits import Fault
from tests.simulators.hubspot.serving import Simulated
from tests.simulators.hubspot.telling import created, signed

hubspot = pytest.importorskip("hubspot", reason="hubspot-api-client is not installed")

from hubspot.crm import companies, contacts, deals, owners, properties  # noqa: E402 - only where it is installed
from hubspot.crm.associations.v4 import (  # noqa: E402 - likewise
    BatchInputPublicDefaultAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
)
from hubspot.utils.signature import Signature  # noqa: E402 - likewise


@pytest.fixture
def official(simulated: Simulated) -> Any:
    client = hubspot.Client.create(access_token=simulated.door.token)
    client.config["host"] = simulated.url
    return client


def test_objects_are_written_read_and_found(official: Any, simulated: Simulated) -> None:
    client = official
    upserted = client.crm.contacts.batch_api.upsert(
        contacts.BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                contacts.SimplePublicObjectBatchInputUpsert(
                    id="lead-1", id_property="fairlead_lead_id", properties={"email": "ana@acme.es"}
                )
            ]
        )
    )
    assert upserted.results[0].new is True
    record = client.crm.contacts.basic_api.get_by_id("lead-1", id_property="fairlead_lead_id", properties=["email"])
    assert (record.id, record.properties["email"]) == (upserted.results[0].id, "ana@acme.es")
    updated = client.crm.contacts.batch_api.update(
        contacts.BatchInputSimplePublicObjectBatchInput(
            inputs=[
                contacts.SimplePublicObjectBatchInput(id=record.id, properties={"city": "Vigo"}),
                contacts.SimplePublicObjectBatchInput(id="404", properties={"city": "Lugo"}),
            ]
        )
    )
    assert [one.id for one in updated.results] == [record.id]
    assert [one.category for one in updated.errors] == ["OBJECT_NOT_FOUND"]
    found = client.crm.contacts.search_api.do_search(
        contacts.PublicObjectSearchRequest(
            filter_groups=[{"filters": [{"propertyName": "email", "operator": "EQ", "value": "ana@acme.es"}]}],
            properties=["city"],
            limit=10,
        )
    )
    assert (found.total, found.results[0].properties["city"]) == (1, "Vigo")


def test_owners_and_properties(official: Any, simulated: Simulated) -> None:
    client = official
    people = client.crm.owners.owners_api.get_page(limit=1)
    assert isinstance(people.results[0], owners.PublicOwner)
    assert people.paging.next.after == "1"
    made = client.crm.properties.core_api.create(
        "contacts",
        properties.PropertyCreate(
            name="x", label="X", type="string", field_type="text", group_name="contactinformation"
        ),
    )
    assert made.name == "x"
    assert "x" in {one.name for one in client.crm.properties.core_api.get_all("contacts").results}


def test_associations(official: Any, simulated: Simulated) -> None:
    contact = simulated.account.create("contacts", {"email": "ana@acme.es"})
    company = simulated.account.create("companies", {"name": "Acme"})
    asked = BatchInputPublicDefaultAssociationMultiPost(inputs=[{"from": {"id": contact.id}, "to": {"id": company.id}}])
    official.crm.associations.v4.batch_api.create_default("contacts", "companies", asked)
    assert simulated.account.links == {("contacts", contact.id, "companies", company.id)}


def test_what_planning_asks(official: Any, simulated: Simulated) -> None:
    account = simulated.account
    one, two = (account.create("companies", {"name": name}) for name in ("Acme", "Other"))
    first, second = (account.create("deals", {"dealname": name, "dealstage": "contractsent"}) for name in "ab")
    account.links |= {("deals", second.id, "companies", company.id) for company in (one, two)}
    asked = companies.BatchReadInputSimplePublicObjectId(
        properties=["name"], properties_with_history=[], inputs=[{"id": one.id}, {"id": "404"}]
    )
    read = official.crm.companies.batch_api.read(asked)
    assert [found.properties["name"] for found in read.results] == ["Acme"]
    assert [error.category for error in read.errors] == ["OBJECT_NOT_FOUND"]
    filters = [
        {"propertyName": "hs_is_closed", "operator": "EQ", "value": "false"},
        {"propertyName": "hs_object_id", "operator": "GT", "value": first.id},
    ]
    found = official.crm.deals.search_api.do_search(
        deals.PublicObjectSearchRequest(
            filter_groups=[{"filters": filters}], properties=[], limit=10,
            sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        )
    )  # fmt: skip
    assert [deal.id for deal in found.results] == [second.id]
    page = official.crm.associations.v4.batch_api.get_page(
        "deals",
        "companies",
        BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": first.id}, {"id": second.id}]),
    )
    [ends] = page.results
    assert (ends._from.id, {end.to_object_id for end in ends.to}) == (second.id, {one.id, two.id})
    assert [kind.label for end in ends.to for kind in end.association_types if kind.label] == ["Primary"]
    [pipeline] = official.crm.pipelines.pipelines_api.get_all("deals").results
    assert [stage.id for stage in pipeline.stages if stage.metadata["isClosed"] == "true"] == [
        "closedwon",
        "closedlost",
    ]


@pytest.mark.parametrize(("fault", "status"), [("429_daily", 429), ("401", 401), ("500", 500), (None, 404)])
def test_errors(official: Any, simulated: Simulated, fault: Fault | None, status: int) -> None:
    simulated.door.faults = [fault]
    with pytest.raises(contacts.ApiException) as caught:
        official.crm.contacts.basic_api.get_by_id("1")
    assert caught.value.status == status


def test_webhooks_are_signed_as_hubspots_own_client_reads_them() -> None:
    body = created(["101"])
    headers = signed("app secret", "https://sales.example.com/hook", body)
    assert Signature.is_valid(
        headers["X-HubSpot-Signature-v3"],
        "app secret",
        body.decode(),
        "https://sales.example.com/hook",
        "POST",
        "v3",
        headers["X-HubSpot-Request-Timestamp"],
    )


def test_records_are_listed_deleted_and_merged(official: Any, simulated: Simulated) -> None:
    made = [simulated.account.create("contacts", {"email": f"{one}@acme.es"}).id for one in "abcde"]
    client = official.crm.contacts
    page = client.basic_api.get_page(limit=2, properties=["email"])
    following = client.basic_api.get_page(limit=2, after=page.paging.next.after)
    assert [one.id for one in [*page.results, *following.results]] == made[:4]
    client.basic_api.archive(made[0])
    with pytest.raises(contacts.ApiException, match="404"):
        client.basic_api.get_by_id(made[0])
    assert client.basic_api.get_by_id(made[0], archived=True).archived is True
    merging = contacts.PublicMergeInput(primary_object_id=made[1], object_id_to_merge=made[2])
    left = client.basic_api.merge(public_merge_input=merging)
    assert {client.basic_api.get_by_id(one).id for one in made[1:3]} == {left.id}


def test_a_token_is_renewed(official: Any, simulated: Simulated) -> None:
    door = simulated.door
    answer = official.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id=door.client_id,
        client_secret=door.client_secret,
        refresh_token=door.refresh_token,
    )
    official.access_token = answer.access_token
    assert (answer.expires_in, official.crm.owners.owners_api.get_page().results) != (None, [])
