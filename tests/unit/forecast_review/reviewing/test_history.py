from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from tests.unit.forecast_review.casework import Review
from tests.unit.forecast_review.conftest import NOW
from workers.forecast_review import wiring
from workers.forecast_review.forecasting.packing import unpack
from workers.forecast_review.ports.history import HistoryUnavailable, NoUsableHistory
from workers.runtime.resources import Resources


async def test_sales_are_collected_as_they_are(open_case: Review) -> None:
    history = await open_case.collect("shops-1")
    assert history | {"raw_digest": ""} == {
        "history_id": "shops-1/1",
        "name": "shops",
        "series": 4,
        "months": 60,
        "first": "2008-01",
        "last": "2012-12",
        "unusable_rows": 0,
        "raw_digest": "",
    }
    row = await open_case.one("SELECT content, raw_digest FROM forecasting.collections")
    kept = unpack(bytes(row["content"]))
    assert kept.levels == ("region", "shop")
    assert kept.unit == "pieces"
    assert kept.sha256 == row["raw_digest"] == history["raw_digest"]
    (sold,) = await open_case.sql("SELECT sum(value) FROM forecasting.sales WHERE segment = 'r1/s0'")
    assert kept.series["r1/s0"].values.sum() == pytest.approx(sold["sum"])
    assert (await open_case.collect("shops-1", 2))["raw_digest"] == history["raw_digest"]


async def test_a_month_that_is_not_over_is_left_out(open_case: Review) -> None:
    await open_case.sql(
        "INSERT INTO forecasting.sales (organisation, segment, month, value, source)"
        " VALUES ('shops', 'r0/s0', '2026-11-01', 1, 'test')"
    )
    history = await open_case.collect("shops-1")
    assert (history["last"], history["unusable_rows"]) == ("2012-12", 1)
    (row,) = await open_case.sql("SELECT problems FROM forecasting.collections")
    assert "2026-11 is not over yet" in row["problems"][0][2]


@pytest.mark.parametrize(("length", "why"), [(0, "is empty"), (1, "no series has more than one month of history")])
async def test_too_little_is_a_case_for_a_person(open_case: Review, length: int, why: str) -> None:
    if length:
        await open_case.sell(length)
    else:
        await open_case.sql("DELETE FROM forecasting.sales")
    with pytest.raises(NoUsableHistory) as refused:
        await open_case.collect("shops-1")
    assert why in str(refused.value.variables["history_why"])
    assert "sales of shops" in str(refused.value.variables["history_why"])


async def test_sales_come_from_the_erp_where_the_organisation_says_so(case: Review) -> None:
    await case.organisation(source="erp")
    await case.sell(24, table="erp.sales")
    await case.sql("UPDATE erp.sales SET amount = NULL WHERE segment = 'r0/s0' AND month = '2008-03-01'")
    await case.open("shops-1")
    assert (await case.collect("shops-1"))["months"] == 24
    findings = await check(case)
    assert {one["rule"]: one["count"] for one in findings["by_rule"]}["gap"] == 1


async def test_an_erp_that_is_away_is_a_case_for_a_person(case: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.forecast_review.adapters.history.ERP_TRIES", 2)
    monkeypatch.setattr("workers.office.systems.ERP_SECONDS", 1.0)
    await case.organisation(source="erp")
    away = case.resources.settings.model_copy(
        update={"erp_database_url": SecretStr("host=127.0.0.1 port=1 dbname=none")}
    )
    apart = Review(Resources(away, case.resources.pool, clock=lambda: NOW))
    await apart.open("shops-1")
    with pytest.raises(HistoryUnavailable) as refused:
        await apart.collect("shops-1")
    assert "The ERP does not answer" in str(refused.value.variables["history_why"])
    await wiring.close(apart.resources)


async def check(case: Review) -> dict[str, Any]:
    found = await case.run("check_history", forecast_id="shops-1", collection=1, history=await case.collect("shops-1"))
    findings: dict[str, Any] = found["findings"]
    return findings


async def spoil(case: Review) -> None:
    await case.sql("DELETE FROM forecasting.sales WHERE segment = 'r0/s0' AND month = '2010-03-01'")
    await case.sql("UPDATE forecasting.sales SET value = -5 WHERE segment = 'r0/s1' AND month = '2010-03-01'")
    await case.sql("DELETE FROM forecasting.sales WHERE segment = 'r1/s0' AND month = '2012-12-01'")


async def test_what_is_suspicious_is_counted_and_the_worst_is_told(open_case: Review) -> None:
    await spoil(open_case)
    findings = await check(open_case)
    assert {one["rule"]: one["count"] for one in findings["by_rule"]} == {"gap": 1, "late_data": 1, "negative": 1}
    assert (findings["errors"], findings["warnings"], findings["repairable"]) == (1, 2, 3)
    assert findings["late_series"] == 1
    assert findings["share_affected"] == 0.75
    assert findings["share_fresh"] == 0.25  # the late one
    assert findings["share_repairable"] == round(3 / 239, 4)
    worst = findings["worst"][0]
    assert (worst["series"], worst["month"], worst["rule"], worst["value"]) == ("r0/s1", "2010-03", "negative", -5.0)
    assert worst["repaired"] > 0
    rows = await open_case.sql("SELECT rule FROM forecasting.findings ORDER BY place")
    assert [row["rule"] for row in rows] == [one["rule"] for one in findings["worst"]]


async def test_repairs_are_recorded_with_who_decided_and_the_collection_stays(open_case: Review) -> None:
    await spoil(open_case)
    history = await open_case.collect("shops-1")
    done = await open_case.run(
        "repair_history", forecast_id="shops-1", collection=1, history=history, decided_by="erika"
    )
    assert done == {"repairs": {"count": 3}}
    rows = await open_case.sql("SELECT * FROM forecasting.repairs ORDER BY rule")
    assert [(row["rule"], row["before"], row["decided_by"]) for row in rows] == [
        ("gap", None, "erika"),
        ("late_data", None, "erika"),
        ("negative", -5.0, "erika"),
    ]
    row = await open_case.one("SELECT content FROM forecasting.collections")
    assert unpack(bytes(row["content"])).series["r0/s1"].values.min() == -5.0
