"""An opportunity that is won becomes a sales order, once, whatever breaks off where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.sap.door import Fault
from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.sap.conftest import CUSTOMER, DEAL, ORDER, SHIPPED, Selling, settings_of
from workers.connectors import wiring
from workers.connectors.sap.asking import SapDown, Unsettled
from workers.connectors.sap.order_ledger import CHANNEL, OrderLedger, Win
from workers.office.systems import CrmDown
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.resources import Resources
from workers.settings import Sap, Settings


def made(simulated: Simulated) -> list[str]:
    """What was made of orders and their items."""
    return [one[1] for one in simulated.system.writes if one[0] == "POST" and one[1].startswith("A_SalesOrder")]


async def test_a_win_becomes_an_order_with_its_item_and_price(selling: Selling, simulated: Simulated) -> None:
    await selling.win()
    await selling.deliver()
    [order] = simulated.system.orders
    assert {
        name: order[name] for name in ("SalesOrderType", "SalesOrganization", "SoldToParty", "TransactionCurrency")
    } == {
        "SalesOrderType": "OR",
        "SalesOrganization": "1710",
        "SoldToParty": CUSTOMER,
        "TransactionCurrency": "EUR",
    }
    assert (order["PurchaseOrderByCustomer"], order["TotalNetAmount"]) == (DEAL.own, "1234.500")
    assert made(simulated) == ["A_SalesOrder", "A_SalesOrderItem", "A_SalesOrderItemPrElement"]
    assert simulated.asked("POST A_SalesOrder") == 1  # one deep insert
    kept = await selling.one("SELECT sales_order, asked_at, withdrawn_at FROM sap.orders")
    assert tuple(kept.values()) == (order["SalesOrder"], None, None)
    await selling.look()
    assert await selling.sql("SELECT FROM runtime.outbox WHERE channel = %s", CHANNEL) == []
    await selling.send()
    assert len(simulated.system.orders) == 1


async def test_the_customer_is_the_business_partner_that_the_accounts_lead_became(
    selling: Selling, simulated: Simulated
) -> None:
    await selling.known("lead", company="Zeta")
    await selling.sql("UPDATE routing.leads SET account_id = 'zeta'")
    await selling.convert("lead")
    await selling.win(account="zeta")
    with pytest.raises(TransientError, match="on its way"):
        await selling.send()
    await selling.sql("DELETE FROM runtime.outbox WHERE channel = %s", CHANNEL)
    await selling.deliver()
    partner = simulated.system.partners[-1]
    with pytest.raises(PermanentError, match="no customer in SAP yet"):
        await selling.send()
    assert simulated.system.orders == []
    simulated.system.insert("A_BusinessPartnerRole", {"BusinessPartnerRole": "FLCU01"}, partner)
    await selling.send()
    assert simulated.system.orders[0]["SoldToParty"] == partner["BusinessPartner"]


@pytest.mark.parametrize("fault", ["lost", "half", "502", "500"])
async def test_whoever_heard_nothing_looks_first(selling: Selling, simulated: Simulated, fault: Fault) -> None:
    """With ``lost`` the order was made."""
    await selling.win()
    simulated.door.faults = [None, fault]  # of the search, of the creation
    with pytest.raises(SapDown):
        await selling.send()
    assert len(simulated.system.orders) == (fault == "lost")
    await selling.send()
    await selling.send()
    assert made(simulated).count("A_SalesOrder") == 1


async def test_a_kill_between_the_creation_and_its_note_does_nothing_twice(
    selling: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    async def killed(*_: object) -> None:
        raise Killed

    await selling.win()
    with monkeypatch.context() as patch:
        patch.setattr(OrderLedger, "written", killed)
        with pytest.raises(Killed):
            await selling.send()
    await selling.deliver()
    assert made(simulated).count("A_SalesOrder") == 1
    assert (await selling.one("SELECT sales_order FROM sap.orders"))["sales_order"] is not None


@pytest.mark.parametrize("settling_seconds", [120.0])
async def test_sap_may_still_be_at_work_so_nothing_is_asked_twice_and_nothing_taken_back_too_early(
    selling: Selling, simulated: Simulated
) -> None:
    await selling.win()
    simulated.door.faults = [None, "502"]
    with pytest.raises(SapDown):
        await selling.send()
    with pytest.raises(Unsettled):
        await selling.send()
    assert not await selling.delivery.ledger.asking(DEAL, 120.0)
    await selling.withdraw()
    with pytest.raises(Unsettled):
        await selling.send()
    assert simulated.asked("POST A_SalesOrder") == 1
    simulated.system.insert("A_SalesOrder", ORDER)  # it arrives after all
    await selling.send()
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "C"


@pytest.mark.parametrize("settling_seconds", [120.0])
async def test_what_sap_refuses_makes_nothing_and_can_be_mended_and_sent_at_once(
    selling: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    await selling.win()
    monkeypatch.setattr("tests.simulators.sap.ordering.MATERIALS", set())
    with pytest.raises(PermanentError, match="Material") as refused:
        await selling.send()
    assert "TG11" not in str(refused.value)
    assert (simulated.system.orders, made(simulated)) == ([], [])
    monkeypatch.undo()
    await selling.send()
    assert len(simulated.system.orders) == 1


@pytest.mark.parametrize(
    ("win", "said"),
    [
        ({"account": None}, "without an account.*FL"),
        ({"account": "unknown"}, "No business partners are known of account unknown"),
        ({"amount": 0.0}, "without an amount.*FL"),
    ],
)
async def test_wins_that_can_not_be_sent(
    selling: Selling, simulated: Simulated, win: dict[str, Any], said: str
) -> None:
    await selling.win(**win)
    with pytest.raises(PermanentError, match=said):
        await selling.send()
    simulated.system.insert("A_SalesOrder", ORDER)
    await selling.send()
    assert (await selling.one("SELECT sales_order FROM sap.orders"))["sales_order"] == "1"


async def test_two_with_the_same_key_and_rows_of_nobody_are_asked_about(selling: Selling, simulated: Simulated) -> None:
    await selling.win()
    for _ in range(2):
        simulated.system.insert("A_SalesOrder", ORDER)
    with pytest.raises(PermanentError, match="2 sales orders"):
        await selling.send()
    with pytest.raises(PermanentError, match="names no win"):
        await selling.send(round="x")
    await selling.send(Win("postgresql", "unknown", 1))


async def test_products_become_materials_and_those_without_one_wait(selling: Selling) -> None:
    await selling.win(product="Box")
    entry = await selling.delivery.ledger.read(DEAL)
    assert entry is not None
    mapping = selling.delivery.mapping
    box = mapping.model_copy(update={"materials": {"Box": "TG12"}, "material": None, "price": None})
    assert box.made(entry.won, CUSTOMER, "FL1")["to_Item"] == {
        "results": [{"RequestedQuantity": "1", "Material": "TG12"}]
    }
    with pytest.raises(PermanentError, match="no material"):
        mapping.model_copy(update={"material": None}).made(entry.won, CUSTOMER, "FL1")


async def test_nobody_looks_who_has_no_mapping_and_a_crm_that_is_away_is_asked_again(
    selling: Selling, pool: Pool, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
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
        await selling.win()
    assert await selling.sql("SELECT FROM sap.orders") == []
    await selling.look()
    assert len(await selling.sql("SELECT FROM sap.orders")) == 1
