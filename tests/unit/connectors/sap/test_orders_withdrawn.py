"""A win that is withdrawn rejects the sales order that it became; what people did in SAP is kept."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.sap.conftest import DEAL, Selling
from workers.__main__ import build
from workers.connectors.sap.order_ledger import Win
from workers.runtime.errors import PermanentError
from workers.settings import get_settings


async def test_a_win_that_is_withdrawn_rejects_the_order_and_won_again_makes_another(
    selling: Selling, simulated: Simulated, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await selling.win()
    await selling.deliver()
    await selling.withdraw()
    await selling.deliver()
    [order] = simulated.system.orders
    [item] = simulated.system.records["A_SalesOrderItem"].values()
    assert (item["SalesDocumentRjcnReason"], order["TotalNetAmount"]) == ("50", "0.000")
    kept = await selling.one("SELECT rejected_at IS NOT NULL AS rejected, sales_order FROM sap.orders")
    assert (kept["rejected"], kept["sales_order"]) == (True, order["SalesOrder"])
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    get_settings.cache_clear()
    command = build(["connect"])
    [row] = json.loads((await asyncio.to_thread(CliRunner().invoke, command, ["connect", "orders", "--json"])).stdout)
    assert (row["opportunity_id"], row["sales_order"], row["state"]) == ("deal", order["SalesOrder"], "rejected")
    shown = (await asyncio.to_thread(CliRunner().invoke, command, ["connect", "orders", "unknown"])).stdout
    assert "rejected" not in shown
    get_settings.cache_clear()
    asked = len(simulated.door.asked)
    await selling.send()
    assert len(simulated.door.asked) == asked
    # A search that is behind tells of the first win once more.
    closed_at = (await selling.one("SELECT win ->> 'closed_at' AS at FROM sap.orders"))["at"]
    await selling.sql("UPDATE crm.opportunities SET won = true, closed_at = %s::timestamptz", closed_at)
    await selling.look()
    assert len(await selling.sql("SELECT FROM sap.orders")) == 1
    await selling.win()
    await selling.deliver()
    assert [one["PurchaseOrderByCustomer"] for one in simulated.system.orders] == [
        DEAL.own,
        Win("postgresql", "deal", 2).own,
    ]
    assert [one["OverallSDDocumentRejectionSts"] for one in simulated.system.orders] == ["C", "A"]


async def test_a_win_that_is_withdrawn_before_it_was_sent_makes_nothing(selling: Selling, simulated: Simulated) -> None:
    await selling.win()
    await selling.withdraw()
    await selling.deliver()
    assert simulated.system.orders == []
    assert (await selling.one("SELECT rejected_at IS NOT NULL AS done FROM sap.orders"))["done"]


async def test_what_the_crm_does_not_know_any_more_is_left_alone(selling: Selling, simulated: Simulated) -> None:
    await selling.win()
    await selling.deliver()
    await selling.sql("DELETE FROM crm.opportunities")
    await selling.look()
    assert (await selling.one("SELECT withdrawn_at FROM sap.orders"))["withdrawn_at"] is None


async def test_who_was_quicker_is_read_again_and_what_they_did_is_kept(
    selling: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    await selling.win()
    await selling.deliver()
    number = simulated.system.orders[0]["SalesOrder"]
    batch, times = simulated.orders.batch, [1, 2]

    def first(kind: str, content: bytes) -> tuple[str, bytes]:
        if times:
            simulated.system.edit("A_SalesOrder", number, PurchaseOrderByShipToParty=f"T{times.pop()}")
        return batch(kind, content)

    monkeypatch.setattr(simulated.orders, "batch", first)
    await selling.withdraw()
    await selling.send()
    assert simulated.asked("POST $batch") == 3
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "C"
    assert simulated.system.orders[0]["PurchaseOrderByShipToParty"] == "T1"


async def test_all_items_are_rejected_or_none_and_what_is_delivered_is_a_persons(
    selling: Selling, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    await selling.win()
    await selling.deliver()
    [order] = simulated.system.orders
    simulated.system.insert("A_SalesOrderItem", {"Material": "TG12", "RequestedQuantity": "1"}, order)
    await selling.withdraw()
    simulated.system.edit("A_SalesOrderItem", order["SalesOrder"], "20", DeliveryStatus="B")
    with pytest.raises(PermanentError, match="delivered or invoiced"):
        await selling.send()
    assert order["OverallSDDocumentRejectionSts"] == "A"
    simulated.system.edit("A_SalesOrderItem", order["SalesOrder"], "20", DeliveryStatus="A")
    with monkeypatch.context() as patch:
        patch.setattr("tests.simulators.sap.ordering.REASONS", set[str]())
        with pytest.raises(PermanentError, match="SalesDocumentRjcnReason"):
            await selling.send()
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "A"
    await selling.send()
    assert simulated.system.orders[0]["OverallSDDocumentRejectionSts"] == "C"


async def test_an_order_that_people_deleted_is_not_made_again_and_needs_no_rejection(
    selling: Selling, simulated: Simulated
) -> None:
    await selling.win()
    await selling.deliver()
    simulated.system.records["A_SalesOrder"].clear()
    await selling.send()
    await selling.withdraw()
    await selling.deliver()
    assert simulated.system.orders == []
