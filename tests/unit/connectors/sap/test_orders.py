"""An opportunity that is won becomes a sales order, once, whatever breaks off where; a win that is withdrawn takes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.sap.door import Fault
from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.sap.conftest import settings_of
from tests.unit.connectors.sap.ordering import DEAL, SHIPPED, Selling
from workers.connectors import wiring
from workers.connectors.sap import orders
from workers.connectors.sap.order_ledger import CHANNEL, OrderLedger, Win
from workers.connectors.sap.partners import SapDown, Unsettled
from workers.office.systems import CrmDown
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.resources import Resources
from workers.settings import Sap, Settings

CUSTOMER = "17100001"


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "SETTLING_SECONDS", 0.0)


@pytest.fixture
async def case(pool: Pool, simulated: Simulated, tmp_path: Path) -> AsyncIterator[Selling]:
    """The account `acme` is a customer by the mapping."""
    text = SHIPPED.read_text().replace("customers:", f'customers:\n  acme: "{CUSTOMER}"')
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    simulated.system.insert(
        "A_BusinessPartner",
        {"BusinessPartner": CUSTOMER, "BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme",
         "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU01"}]},
    )  # fmt: skip
    simulated.system.writes.clear()
    case = Selling(Resources(Settings(sap=settings_of(simulated, order_mapping=path)), pool))
    await case.switch()
    await case.look()
    yield case
    await wiring.close(case.resources)


def made(simulated: Simulated) -> list[str]:
    """What was made of orders and their items."""
    return [one[1] for one in simulated.system.writes if one[0] == "POST" and one[1].startswith("A_SalesOrder")]


async def test_a_win_becomes_an_order_with_its_item_and_price(case: Selling, simulated: Simulated) -> None:
    await case.win()
    await case.deliver()
    [order] = simulated.system.orders
    assert {name: order[name] for name in ("SalesOrderType", "SalesOrganization", "SoldToParty", "TransactionCurrency")} == {
        "SalesOrderType": "OR",
        "SalesOrganization": "1710",
        "SoldToParty": CUSTOMER,
        "TransactionCurrency": "EUR",
    }
    assert (order["PurchaseOrderByCustomer"], order["TotalNetAmount"]) == (DEAL.own, "1234.500")
    assert made(simulated) == ["A_SalesOrder", "A_SalesOrderItem", "A_SalesOrderItemPrElement"]
    assert simulated.asked("POST A_SalesOrder") == 1  # one deep insert
    kept = await case.one("SELECT sales_order, asked_at, withdrawn_at FROM sap.orders")
    assert tuple(kept.values()) == (order["SalesOrder"], None, None)
    await case.look()
    assert await case.sql("SELECT FROM runtime.outbox WHERE channel = %s", CHANNEL) == []
    await case.send()
    assert len(simulated.system.orders) == 1


async def test_the_customer_is_the_business_partner_that_the_accounts_lead_became(
    case: Selling, simulated: Simulated
) -> None:
    await case.known("lead", company="Zeta")
    await case.sql("UPDATE routing.leads SET account_id = 'zeta'")
    await case.convert("lead")
    await case.win(account="zeta")
    with pytest.raises(TransientError, match="on its way"):
        await case.send()
    await case.sql("DELETE FROM runtime.outbox WHERE channel = %s", CHANNEL)
    await case.deliver()
    partner = simulated.system.partners[-1]
    with pytest.raises(PermanentError, match="no customer in SAP yet"):
        await case.send()
    assert simulated.system.orders == []
    simulated.system.insert("A_BusinessPartnerRole", {"BusinessPartnerRole": "FLCU01"}, partner)
    await case.send()
    assert simulated.system.orders[0]["SoldToParty"] == partner["BusinessPartner"]


@pytest.mark.parametrize("fault", ["lost", "half", "502", "500"])
async def test_whoever_heard_nothing_looks_first(case: Selling, simulated: Simulated, fault: Fault) -> None:
    """With ``lost`` the order was made."""
    await case.win()
    simulated.door.faults = [None, fault]  # of the search, of the creation
    with pytest.raises(SapDown):
        await case.send()
    assert len(simulated.system.orders) == (fault == "lost")
    await case.send()
    await case.send()
    assert made(simulated).count("A_SalesOrder") == 1


async def test_a_kill_between_the_creation_and_its_note_does_nothing_twice(
    case: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    async def killed(*_: object) -> None:
        raise Killed

    await case.win()
    with monkeypatch.context() as patch:
        patch.setattr(OrderLedger, "written", killed)
        with pytest.raises(Killed):
            await case.send()
    await case.deliver()
    assert made(simulated).count("A_SalesOrder") == 1
    assert (await case.one("SELECT sales_order FROM sap.orders"))["sales_order"] is not None


async def test_sap_may_still_be_at_work_so_nothing_is_asked_twice_and_nothing_taken_back_too_early(
    case: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "SETTLING_SECONDS", 120.0)
    await case.win()
    simulated.door.faults = [None, "502"]
    with pytest.raises(SapDown):
        await case.send()
    with pytest.raises(Unsettled):
        await case.send()
    assert not await case.delivery.ledger.asking(DEAL, 120.0)
    await case.withdraw()
    with pytest.raises(Unsettled):
        await case.send()
    assert simulated.asked("POST A_SalesOrder") == 1
    order = case.delivery.mapping.made((await case.delivery.ledger.read(DEAL)).won, CUSTOMER, DEAL.own)  # type: ignore[union-attr]
    simulated.system.insert("A_SalesOrder", order)  # it arrives after all
    await case.send()
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "C"


async def test_what_sap_refuses_makes_nothing_and_can_be_mended_and_sent_at_once(
    case: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "SETTLING_SECONDS", 120.0)
    await case.win()
    monkeypatch.setattr("tests.simulators.sap.ordering.MATERIALS", set())
    with pytest.raises(PermanentError, match="Material") as refused:
        await case.send()
    assert "TG11" not in str(refused.value)
    assert (simulated.system.orders, made(simulated)) == ([], [])
    monkeypatch.undo()
    await case.send()
    assert len(simulated.system.orders) == 1


async def test_a_win_that_is_withdrawn_rejects_the_order_and_won_again_makes_another(
    case: Selling, simulated: Simulated
) -> None:
    await case.win()
    await case.deliver()
    await case.withdraw()
    await case.deliver()
    [order] = simulated.system.orders
    [item] = simulated.system.records["A_SalesOrderItem"].values()
    assert (item["SalesDocumentRjcnReason"], order["TotalNetAmount"]) == ("50", "0.000")
    kept = await case.one("SELECT rejected_at IS NOT NULL AS rejected, sales_order FROM sap.orders")
    assert (kept["rejected"], kept["sales_order"]) == (True, order["SalesOrder"])
    asked = len(simulated.door.asked)
    await case.send()
    assert len(simulated.door.asked) == asked
    # A search that is behind tells of the first win once more.
    closed_at = (await case.one("SELECT win ->> 'closed_at' AS at FROM sap.orders"))["at"]
    await case.sql("UPDATE crm.opportunities SET won = true, closed_at = %s::timestamptz", closed_at)
    await case.look()
    assert len(await case.sql("SELECT FROM sap.orders")) == 1
    await case.win()
    await case.deliver()
    assert [one["PurchaseOrderByCustomer"] for one in simulated.system.orders] == [DEAL.own, Win("postgresql", "deal", 2).own]
    assert [one["OverallSDDocumentRejectionSts"] for one in simulated.system.orders] == ["C", "A"]


async def test_a_win_that_is_withdrawn_before_it_was_sent_makes_nothing(case: Selling, simulated: Simulated) -> None:
    await case.win()
    await case.withdraw()
    await case.deliver()
    assert simulated.system.orders == []
    assert (await case.one("SELECT rejected_at IS NOT NULL AS done FROM sap.orders"))["done"]


async def test_what_the_crm_does_not_know_any_more_is_left_alone(case: Selling, simulated: Simulated) -> None:
    await case.win()
    await case.deliver()
    await case.sql("DELETE FROM crm.opportunities")
    await case.look()
    assert (await case.one("SELECT withdrawn_at FROM sap.orders"))["withdrawn_at"] is None


async def test_who_was_quicker_is_read_again_and_what_they_did_is_kept(
    case: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    await case.win()
    await case.deliver()
    number = simulated.system.orders[0]["SalesOrder"]
    batch, times = simulated.orders.batch, [1, 2]

    def first(kind: str, content: bytes) -> tuple[str, bytes]:
        if times:
            simulated.system.edit("A_SalesOrder", number, PurchaseOrderByShipToParty=f"T{times.pop()}")
        return batch(kind, content)

    monkeypatch.setattr(simulated.orders, "batch", first)
    await case.withdraw()
    await case.send()
    assert simulated.asked("POST $batch") == 3
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "C"
    assert simulated.system.orders[0]["PurchaseOrderByShipToParty"] == "T1"


async def test_all_items_are_rejected_or_none_and_what_is_delivered_is_a_persons(
    case: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    await case.win()
    await case.deliver()
    [order] = simulated.system.orders
    simulated.system.insert("A_SalesOrderItem", {"Material": "TG12", "RequestedQuantity": "1"}, order)
    await case.withdraw()
    simulated.system.edit("A_SalesOrderItem", order["SalesOrder"], "20", DeliveryStatus="B")
    with pytest.raises(PermanentError, match="delivered or invoiced"):
        await case.send()
    assert order["OverallSDDocumentRejectionSts"] == "A"
    simulated.system.edit("A_SalesOrderItem", order["SalesOrder"], "20", DeliveryStatus="A")
    with monkeypatch.context() as patch:
        patch.setattr("tests.simulators.sap.ordering.REASONS", set[str]())
        with pytest.raises(PermanentError, match="SalesDocumentRjcnReason"):
            await case.send()
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "A"
    await case.send()
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "C"


async def test_an_order_that_people_deleted_is_not_made_again_and_needs_no_rejection(
    case: Selling, simulated: Simulated
) -> None:
    await case.win()
    await case.deliver()
    simulated.system.records["A_SalesOrder"].clear()
    await case.send()
    await case.withdraw()
    await case.deliver()
    assert simulated.system.orders == []


@pytest.mark.parametrize(
    ("win", "said"),
    [
        ({"account": None}, "without an account.*FL"),
        ({"account": "unknown"}, "No business partners are known of account unknown"),
        ({"amount": 0.0}, "without an amount.*FL"),
    ],
)
async def test_wins_that_can_not_be_sent(case: Selling, simulated: Simulated, win: dict[str, Any], said: str) -> None:
    await case.win(**win)
    with pytest.raises(PermanentError, match=said):
        await case.send()
    order = {"SalesOrderType": "OR", "SalesOrganization": "1710", "DistributionChannel": "10", "SoldToParty": CUSTOMER,
             "OrganizationDivision": "00", "PurchaseOrderByCustomer": DEAL.own}  # fmt: skip
    simulated.system.insert("A_SalesOrder", order)  # a person enters it with our key
    await case.send()
    assert (await case.one("SELECT sales_order FROM sap.orders"))["sales_order"] == "1"


async def test_two_with_the_same_key_and_rows_of_nobody_are_asked_about(case: Selling, simulated: Simulated) -> None:
    await case.win()
    order = {"SalesOrderType": "OR", "SalesOrganization": "1710", "DistributionChannel": "10", "SoldToParty": CUSTOMER,
             "OrganizationDivision": "00", "PurchaseOrderByCustomer": DEAL.own}  # fmt: skip
    for _ in range(2):
        simulated.system.insert("A_SalesOrder", order)
    with pytest.raises(PermanentError, match="2 sales orders"):
        await case.send()
    with pytest.raises(PermanentError, match="names no win"):
        await case.send(round="x")
    await case.send(Win("postgresql", "unknown", 1))


async def test_products_become_materials_and_those_without_one_wait(case: Selling) -> None:
    await case.win(product="Box")
    entry = await case.delivery.ledger.read(DEAL)
    assert entry is not None
    mapping = case.delivery.mapping
    box = mapping.model_copy(update={"materials": {"Box": "TG12"}, "material": None, "price": None})
    assert box.made(entry.won, CUSTOMER, "FL1")["to_Item"] == {"results": [{"RequestedQuantity": "1", "Material": "TG12"}]}
    with pytest.raises(PermanentError, match="no material"):
        mapping.model_copy(update={"material": None}).made(entry.won, CUSTOMER, "FL1")


async def test_nobody_looks_who_has_no_mapping_and_a_crm_that_is_away_is_asked_again(
    case: Selling, pool: Pool, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = Resources(Settings(sap=settings_of(simulated)), pool)
    assert CHANNEL not in wiring.deliveries(without)
    assert "wins to SAP" not in {one.name for one in wiring.chores(without)}
    with pytest.raises(ValueError, match="no log-in"):
        Sap(order_mapping=SHIPPED)

    async def down(*_: object) -> None:
        raise CrmDown

    with monkeypatch.context() as patch:
        patch.setattr("workers.connectors.opportunities.wins.PostgresWins.since", down)
        await case.win()
    assert await case.sql("SELECT FROM sap.orders") == []
    await case.look()
    assert len(await case.sql("SELECT FROM sap.orders")) == 1
