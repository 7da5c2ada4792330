"""`fairlead connect check sap`: a newcomer is told what to mend, and when all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.sap.conftest import SHIPPED
from tests.unit.connectors.test_hubspot_check import wrong
from workers.__main__ import build
from workers.connectors import mapping
from workers.connectors.mapping import WrongMapping
from workers.connectors.sap.mapping import PartnerMapping
from workers.connectors.sap.order_mapping import OrderMapping
from workers.settings import get_settings

Run = Callable[..., Result]
MAPPING = Path(mapping.__file__).parent / "sap" / "mapping.yaml"


@pytest.fixture
def run(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    for name, value in {
        "BASE_URL": simulated.url,
        "TRUSTED_HOSTS": '["127.0.0.1"]',
        "USERNAME": simulated.door.username,
        "PASSWORD": simulated.door.password,
    }.items():
        monkeypatch.setenv(f"FAIRLEAD_SAP__{name}", value)
    get_settings.cache_clear()
    yield lambda *options: CliRunner().invoke(build(["connect"]), ["connect", "check", "sap", *options])
    get_settings.cache_clear()


def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str], of: Path = MAPPING) -> None:
    text = of.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "sap.yaml"
    path.write_text(text)
    monkeypatch.setenv(f"FAIRLEAD_SAP__{'MAPPING' if of == MAPPING else 'ORDER_MAPPING'}", str(path))
    get_settings.cache_clear()


def test_the_mapping_that_comes_with_fairlead_fits_the_real_metadata(run: Run, simulated: Simulated) -> None:
    found = run("--json")
    assert (found.exit_code, wrong(found)) == (0, {})
    assert simulated.system.writes == []
    shown = run().stdout
    for part in ("account", "rights", "fields", "limits", "A_AddressPhoneNumber"):
        assert part in shown
    assert simulated.door.password not in shown


def test_what_does_not_fit_is_said(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped(
        tmp_path,
        monkeypatch,
        ("property: SearchTerm2, length: 20", "property: SearchTerm9"),
        ("property: FirstName, length: 40", "property: BusinessPartnerFullName, length: 40"),
        ("property: Country, length: 3", "property: Country, length: 4"),
        ("property: CityName, length: 40", "property: CityName"),
        ("IsDefaultEmailAddress: true", 'IsDefaultEmailAddress: "true"'),
        ("property: StreetName, length: 60", "property: AddressUUID, length: 36"),
    )
    said = wrong(run("--json"))
    assert {name: text.partition(".")[0] for name, text in said.items()} == {
        "A_BusinessPartner.SearchTerm9": "SAP has no such property",
        "A_BusinessPartner.BusinessPartnerFullName": "SAP fills it itself (sap:creatable)",
        "A_BusinessPartnerAddress.Country": "SAP takes 3 characters, the mapping says 4",
        "A_BusinessPartnerAddress.CityName": "SAP takes 40 characters",
        "A_BusinessPartnerAddress.AddressUUID": "It is Edm",
        "A_AddressEmailAddress.IsDefaultEmailAddress": "It is Edm",
    }


def test_another_version_of_the_service_is_held_against_the_mapping_too(run: Run, simulated: Simulated) -> None:
    for old, new in [
        (b'Name="A_BusinessPartnerRole" E', b'Name="A_Other" E'),
        (b'Name="A_AddressPhoneNumber" E', b'Name="A_AddressPhoneNumber" sap:updatable="false" E'),
        (b'Name="to_EmailAddress" R', b'Name="to_Mail" R'),
        (b'<Property Name="CityCode" ', b'<Property Name="CityCode" Nullable="false" '),
        (b'Name="BusinessPartnerIDByExtSystem" ', b'Name="BusinessPartnerIDByExtSystem" sap:filterable="false" '),
    ]:
        assert old in simulated.system.metadata
        simulated.system.metadata = simulated.system.metadata.replace(old, new)
    assert wrong(run("--json")).keys() == {
        "A_BusinessPartnerRole",
        "A_AddressPhoneNumber",
        "A_BusinessPartnerAddress.to_EmailAddress",
        "A_BusinessPartnerAddress.CityCode",
        "A_BusinessPartner.BusinessPartnerIDByExtSystem",
    }


def test_rights_and_partners_that_are_there_twice_are_said(run: Run, simulated: Simulated) -> None:
    simulated.system.forbidden.add(("A_AddressEmailAddress", "GET"))
    for _ in range(2):
        acme = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "A", "BusinessPartnerIDByExtSystem": "FLTWICE"}
        simulated.system.insert("A_BusinessPartner", acme)
    said = wrong(run("--json"))
    assert said.keys() == {"A_AddressEmailAddress", "FLTWICE"}
    assert "SAP_COM_0008" in said["A_AddressEmailAddress"]


def test_no_log_in_a_wrong_one_and_no_metadata_are_said(
    run: Run, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.system.metadata = b"<html/>"
    assert "names no entity sets" in run().stderr
    simulated.system.metadata = b"<half"
    assert "no XML" in run().stderr
    monkeypatch.setenv("FAIRLEAD_SAP__PASSWORD", "another")
    get_settings.cache_clear()
    assert "refuses our log-in" in run().stderr
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"FAIRLEAD_SAP__{name}")
    get_settings.cache_clear()
    assert "No log-in is set" in run().stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("company: {", "nose: {", r"organisation.fields.nose"),
        ("roles: [BUP002]", "roles: []", "roles"),
        ("required: true", "needed: true", "needed"),
        ("length: 241", "length: 0", "length"),
        ("external_id: BusinessPartnerIDByExtSystem", "external_id: 'a b'", "external_id"),
    ],
)
def test_a_mapping_that_is_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    mapped(tmp_path, monkeypatch, (old, new))
    with pytest.raises(WrongMapping, match=said):
        mapping.load(PartnerMapping, tmp_path / "sap.yaml")


def test_the_service_for_sales_orders_is_looked_at_if_orders_are_made(
    run: Run, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "A_SalesOrder" not in run("--json").stdout
    mapped(tmp_path, monkeypatch, of=SHIPPED)
    found = run("--json")
    assert (found.exit_code, wrong(found)) == (0, {})
    assert "A_SalesOrderItemPrElement.ConditionRateValue" in found.stdout
    assert simulated.system.writes == []
    mapped(
        tmp_path,
        monkeypatch,
        ("external_id: PurchaseOrderByCustomer", "external_id: ExternalDocumentID"),
        ("SalesOrderType: OR", "SalesOrderType: ORDER"),
        ('item: {RequestedQuantity: "1"}', "item: {RequestedQuantity: one, Nothing: x}"),
        of=SHIPPED,
    )
    simulated.system.order_metadata = simulated.system.order_metadata.replace(
        b'Name="A_SalesOrderItem" E', b'Name="A_SalesOrderItem" sap:updatable="false" E'
    )
    simulated.system.forbidden.add(("A_SalesOrder", "GET"))
    said = wrong(run("--json"))
    assert {name: text.partition(".")[0] for name, text in said.items()} == {
        "A_SalesOrder": "SAP refuses to read A_SalesOrder: /IWBEP/CM_MGW_RT/007",
        "A_SalesOrder.ExternalDocumentID": "SAP fills it itself (sap:creatable)",
        "A_SalesOrder.SalesOrderType": "SAP takes 4 characters, the mapping says 5",
        "A_SalesOrderItem": "Can't be updated by this service",
        "A_SalesOrderItem.Nothing": "SAP has no such property",
        "A_SalesOrderItem.RequestedQuantity": "It is Edm",
    }


def test_no_service_for_sales_orders_and_two_with_the_same_key_are_said(
    run: Run, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped(tmp_path, monkeypatch, of=SHIPPED)
    partner = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "A"}
    roles = [{"BusinessPartnerRole": "FLCU01"}]
    customer = simulated.system.insert("A_BusinessPartner", {**partner, "to_BusinessPartnerRole": roles})["Customer"]
    area = {
        "SalesOrderType": "OR",
        "SalesOrganization": "1710",
        "DistributionChannel": "10",
        "OrganizationDivision": "00",
    }
    for reference in ("FLTWICE", "FLTWICE", "FL-47 of theirs", "FL-47 of theirs"):
        order = {**area, "SoldToParty": customer, "PurchaseOrderByCustomer": reference}
        simulated.system.insert("A_SalesOrder", order)
    assert wrong(run("--json")).keys() == {"FLTWICE"}
    monkeypatch.setenv("FAIRLEAD_SAP__ORDER_SERVICE", "/sap/opu/odata/sap/API_NOTHING")
    get_settings.cache_clear()
    assert "ORDER_SERVICE" in run().stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('SalesOrganization: "1710"', "SalesOrganization: 1710", "order.SalesOrganization"),
        ("SalesOrderType: OR", "SoldToParty: X", "must not name SoldToParty"),
        ('item: {RequestedQuantity: "1"}', "item: {Material: X}", "must not name Material"),
        ("condition: PPR0", "condition: price", "price.condition"),
        ('rejection: "50"', "", "rejection"),
        ("customers:", "customers: {acme: '12345678901'}", "customers.acme"),
    ],
)
def test_an_order_mapping_that_is_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    mapped(tmp_path, monkeypatch, (old, new), of=SHIPPED)
    with pytest.raises(WrongMapping, match=said):
        mapping.load(OrderMapping, tmp_path / "sap.yaml")
