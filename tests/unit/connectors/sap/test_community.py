"""The simulator behaves as the community's client expects: an independent check, as it is used against the real one."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.simulators.sap.app import ORDERS, SERVICE
from tests.simulators.sap.serving import Simulated

pyodata = pytest.importorskip("pyodata", reason="pyodata is not installed")

from pyodata.exceptions import HttpError  # noqa: E402 - only where it is installed
from pyodata.vendor import SAP  # noqa: E402 - likewise

ACME = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "O'Acme"}


@pytest.fixture
def session(simulated: Simulated) -> requests.Session:
    session = requests.Session()
    session.auth = (simulated.door.username, simulated.door.password)
    told = session.get(f"{simulated.url}{SERVICE}/", headers={"X-CSRF-Token": "Fetch"})
    session.headers["X-CSRF-Token"] = told.headers["X-CSRF-Token"]
    return session


@pytest.fixture
def service(simulated: Simulated, session: requests.Session) -> Any:
    return pyodata.Client(simulated.url + SERVICE, session)


def test_entities_are_made_read_changed_and_found(service: Any, session: requests.Session) -> None:
    partners = service.entity_sets.A_BusinessPartner
    made = partners.create_entity().set(**ACME).execute()
    assert (made.OrganizationBPName1, made.BusinessPartnerIsBlocked) == ("O'Acme", False)
    assert made.CreationDate.tzinfo is not None
    request = partners.get_entities()
    [found] = request.filter(request.OrganizationBPName1 == "O'Acme").select("BusinessPartner").execute()
    assert found.BusinessPartner == made.BusinessPartner
    change = partners.update_entity(BusinessPartner=made.BusinessPartner).set(SearchTerm1="spain")
    with pytest.raises(HttpError) as refused:
        change.execute()
    assert refused.value.response.status_code == 428
    for tag, status in (("W/\"'0'\"", 412), (made.etag, 204)):
        change = partners.update_entity(BusinessPartner=made.BusinessPartner).set(SearchTerm1="spain")
        change.add_headers({"If-Match": tag})
        if status == 204:
            change.execute()
            continue
        with pytest.raises(HttpError) as refused:
            change.execute()
        assert refused.value.response.status_code == status
    assert partners.get_entity(made.BusinessPartner).execute().SearchTerm1 == "SPAIN"


def test_children_are_made_with_it_and_read_with_it(service: Any) -> None:
    made = (
        service.entity_sets.A_BusinessPartner.create_entity()
        .set(
            **ACME,
            to_BusinessPartnerRole=[{"BusinessPartnerRole": "BUP002"}],
            to_BusinessPartnerAddress=[{"Country": "ES", "to_EmailAddress": [{"EmailAddress": "a@acme.es"}]}],
        )
        .execute()
    )
    found = (
        service.entity_sets.A_BusinessPartner.get_entity(made.BusinessPartner)
        .expand("to_BusinessPartnerRole,to_BusinessPartnerAddress/to_EmailAddress")
        .execute()
    )
    assert [one.BusinessPartnerRole for one in found.to_BusinessPartnerRole] == ["BUP002"]
    assert found.to_BusinessPartnerRole[0].ValidTo.year == 9999
    [address] = found.to_BusinessPartnerAddress
    assert [one.EmailAddress for one in address.to_EmailAddress] == ["a@acme.es"]
    [there] = made.nav("to_BusinessPartnerAddress").get_entities().execute()
    assert there.AddressID == address.AddressID


def test_pages_are_followed_and_counted(service: Any, simulated: Simulated) -> None:
    for _ in range(5):
        simulated.system.insert("A_BusinessPartner", ACME)
    simulated.service.page = 2
    request, seen = service.entity_sets.A_BusinessPartner.get_entities().count(inline=True), 0
    while True:
        page = request.execute()
        seen += len(page)
        assert page.total_count == 5
        if page.next_url is None:
            break
        following = page.next_url.replace("https://sap.example", simulated.url)
        request = service.entity_sets.A_BusinessPartner.get_entities().next_url(following)
    assert seen == 5
    assert service.entity_sets.A_BusinessPartner.get_entities().count().execute() == 5


def test_a_change_set_is_whole_or_nothing(service: Any, simulated: Simulated) -> None:
    partners = service.entity_sets.A_BusinessPartner
    made = partners.create_entity().set(**ACME).execute()

    def changes(role: str) -> Any:
        change = partners.update_entity(BusinessPartner=made.BusinessPartner).set(SearchTerm1=role)
        change.add_headers({"If-Match": "*"})
        roles = service.entity_sets.A_BusinessPartnerRole.create_entity()
        changes, batch = service.create_changeset(), service.create_batch()
        changes.add_request(change)
        changes.add_request(roles.set(BusinessPartner=made.BusinessPartner, BusinessPartnerRole=role))
        batch.add_request(changes)
        return batch.execute()

    with pytest.raises((HttpError, AttributeError, TypeError, IndexError, pyodata.exceptions.PyODataException)):
        changes("NONE")
    assert simulated.system.partners[0]["SearchTerm1"] == ""
    changes("BUP002")
    assert simulated.system.partners[0]["SearchTerm1"] == "BUP002"
    assert len(simulated.system.records["A_BusinessPartnerRole"]) == 1


def test_errors_are_said_as_sap_says_them(service: Any, session: requests.Session) -> None:
    with pytest.raises(HttpError) as refused:
        service.entity_sets.A_BusinessPartner.create_entity().set(BusinessPartnerCategory="1").execute()
    business = SAP.BusinessGatewayError("refused", refused.value.response)
    assert "required fields" in str(business.errordetails)
    session.cookies.clear()
    with pytest.raises(HttpError) as lost:
        service.entity_sets.A_BusinessPartner.create_entity().set(**ACME).execute()
    assert lost.value.response.headers["x-csrf-token"] == "Required"
    with pytest.raises(HttpError):
        service.entity_sets.A_BusinessPartner.get_entities().filter("NoSuchThing eq 'x'").execute()


def test_sales_orders_are_made_with_their_items_rejected_and_have_one_version(
    simulated: Simulated, session: requests.Session
) -> None:
    partner = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme"}
    roles = [{"BusinessPartnerRole": "FLCU01"}]
    customer = simulated.system.insert("A_BusinessPartner", {**partner, "to_BusinessPartnerRole": roles})["Customer"]
    service = pyodata.Client(simulated.url + ORDERS, session)
    orders, items = service.entity_sets.A_SalesOrder, service.entity_sets.A_SalesOrderItem
    area = {
        "SalesOrderType": "OR",
        "SalesOrganization": "1710",
        "DistributionChannel": "10",
        "OrganizationDivision": "00",
    }
    price = {"ConditionType": "PPR0", "ConditionRateValue": "99.50", "ConditionCurrency": "EUR"}
    item = {"Material": "tg11", "RequestedQuantity": "2", "to_PricingElement": [price]}
    with pytest.raises(HttpError):  # SAP knows no such customer, and makes nothing
        orders.create_entity().set(**area, SoldToParty="1", to_Item=[item]).execute()
    made = orders.create_entity().set(**area, SoldToParty=customer, TransactionCurrency="EUR", to_Item=[item]).execute()
    assert len(simulated.system.orders) == 1
    found = orders.get_entity(made.SalesOrder).expand("to_Item/to_PricingElement").execute()
    assert (str(found.TotalNetAmount), found.to_Item[0].Material) == ("199.000", "TG11")
    assert str(found.to_Item[0].to_PricingElement[0].ConditionRateValue) == "99.50"
    assert found.LastChangeDateTime.tzinfo is not None
    for tag, status in (("W/\"datetimeoffset'0'\"", 412), (found.etag, 204)):
        change = items.update_entity(SalesOrder=made.SalesOrder, SalesOrderItem="10").set(SalesDocumentRjcnReason="50")
        change.add_headers({"If-Match": tag})
        if status == 204:
            change.execute()
            continue
        with pytest.raises(HttpError) as refused:
            change.execute()
        assert refused.value.response.status_code == status
    after = orders.get_entity(made.SalesOrder).execute()
    assert (str(after.TotalNetAmount), after.OverallSDDocumentRejectionSts) == ("0.000", "C")
    assert after.etag != found.etag
    with pytest.raises(HttpError):  # prices are made below an item alone
        service.entity_sets.A_SalesOrderItemPrElement.create_entity().set(**price).execute()
