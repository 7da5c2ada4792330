"""`fairlead connect booked`: what SAP's orders amount to becomes the sales that a forecast is held against."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.sap.conftest import ORDER, SHIPPED, Selling
from workers.__main__ import build
from workers.forecast_review.adapters import sales
from workers.forecast_review.domain.organisation import Organisation
from workers.settings import get_settings

HOUSE = Organisation(
    "house", "House", ("organisation", "channel"), (), "thousand EUR", "EUR", 12, "store", "", "UTC", "ES", (), {}
)
BOOKED = "booked: {segment: [SalesOrganization, DistributionChannel], types: [OR], each: 1000}\n"


@pytest.fixture
def mapped(
    selling: Selling, simulated: Simulated, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    path = tmp_path / "booked.yaml"
    rewrite(path, BOOKED)
    for name, value in {
        "DATABASE_URL": dsn,
        "SAP__BASE_URL": simulated.url,
        "SAP__TRUSTED_HOSTS": '["127.0.0.1"]',
        "SAP__USERNAME": simulated.door.username,
        "SAP__PASSWORD": simulated.door.password,
        "SAP__ORDER_MAPPING": str(path),
    }.items():
        monkeypatch.setenv(f"FAIRLEAD_{name}", value)
    get_settings.cache_clear()
    yield path
    get_settings.cache_clear()


def rewrite(path: Path, booked: str) -> None:
    path.write_text(SHIPPED.read_text() + booked)


async def run(*options: str) -> Result:
    command = build(["connect"])
    return await asyncio.to_thread(CliRunner().invoke, command, ["connect", "booked", "house", *options])


def ordered(simulated: Simulated, day: str, amount: str, currency: str = "EUR", **values: Any) -> dict[str, Any]:
    at = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() * 1_000)
    price = {"ConditionType": "PPR0", "ConditionRateValue": amount, "ConditionCurrency": currency}
    items = [{"Material": "TG11", "RequestedQuantity": "1", "to_PricingElement": [price]}]
    said = {"SalesOrderDate": f"/Date({at})/", "TransactionCurrency": currency, "to_Item": items}
    return simulated.system.insert("A_SalesOrder", ORDER | said | values)


async def test_orders_are_added_up_by_segment_and_month_and_followed(
    selling: Selling, simulated: Simulated, mapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.connectors.sap.client.PAGE", 2)
    simulated.orders.page = 1
    async with selling.resources.pool.connection() as connection:
        await sales.put_organisation(connection, HOUSE)
    moved = ordered(simulated, "2026-08-31", "1000.50")
    for day, amount in (("2026-09-01", "2000"), ("2026-09-30", "500"), ("2026-07-31", "9")):
        ordered(simulated, day, amount)
    ordered(simulated, "2026-09-15", "7", "USD")
    ordered(simulated, "2026-09-15", "7", SalesOrderType="TA")
    today = selling.resources.clock()
    ordered(simulated, f"{today:%Y-%m-%d}", "7")  # its month is not over

    async def stored() -> dict[tuple[str, date], float]:
        rows = await selling.sql("SELECT segment, month, value, source FROM forecasting.sales")
        assert {row["source"] for row in rows} <= {"sap"}
        return {(row["segment"], row["month"]): row["value"] for row in rows}

    told = await run("--since", "2026-08", "--dry-run")
    assert "3 orders make 2 sums" in told.stdout
    assert "1 in USD" in told.stdout
    assert await stored() == {}
    assert "2 new" in (await run("--since", "2026-08")).stdout
    august, september = ("1710/10", date(2026, 8, 1)), ("1710/10", date(2026, 9, 1))
    assert await stored() == {august: 1.0005, september: 2.5}
    assert await selling.sql("SELECT FROM runtime.outbox WHERE channel = 'zeebe.message'") != []
    simulated.system.edit("A_SalesOrder", moved["SalesOrder"], SalesOrderDate="/Date(1788220800000)/")
    assert "2 changed" in (await run("--since", "2026-08")).stdout
    assert await stored() == {august: 0.0, september: 3.5005}
    assert "2 the same" in (await run("--since", "2026-08")).stdout


async def test_what_does_not_fit_is_said_and_nothing_changed(
    selling: Selling, simulated: Simulated, mapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no organisation house" in (await run("--since", "2026-08")).stderr
    async with selling.resources.pool.connection() as connection:
        await sales.put_organisation(connection, HOUSE)
    assert "not over yet" in (await run("--since", "2999-01")).stderr
    assert "is no month" in (await run("--since", "August")).output
    simulated.door.faults = ["502"]
    assert "Nothing was changed" in (await run("--since", "2026-08")).stderr
    for wrong, said in (
        (BOOKED.replace(", DistributionChannel", ""), "each of organisation, channel"),
        (BOOKED.replace("each: 1000", "currency: USD"), "counts in EUR"),
        ("", "what a segment is"),
    ):
        rewrite(mapped, wrong)
        assert said in (await run("--since", "2026-08")).stderr
    assert await selling.sql("SELECT FROM forecasting.sales") == []
