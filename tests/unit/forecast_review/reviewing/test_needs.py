from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.forecast_review.casework import Review
from workers.forecast_review.domain.needs import MOST, PAGE, Fact, Need, chosen
from workers.runtime.errors import PermanentError


@pytest.fixture
async def fitted(case: Review) -> Review:
    await case.organisation()
    return case


async def explained(case: Review, forecast_id: str, months: int) -> tuple[dict[str, Any], dict[str, Any]]:
    await case.sell(months)
    await case.open(forecast_id)
    run = await case.fit(forecast_id, await case.collect(forecast_id))
    found = await case.run("explain_forecast", forecast_id=forecast_id, collection=1, forecast=run)
    return run, found["segments"]


async def page(case: Review, forecast_id: str, run: dict[str, Any], number: int = 1) -> list[dict[str, Any]]:
    read = await case.run("read_segments", forecast_id=forecast_id, forecast=run, page=number)
    facts: list[dict[str, Any]] = read["page_segments"]
    return facts


async def test_facts_are_kept_in_pages_and_compared_with_what_was_published(fitted: Review) -> None:
    first, segments = await explained(fitted, "shops-1", 57)
    assert segments == {"count": 7, "pages": [1], "changed": []}
    facts = await page(fitted, "shops-1", first)
    assert facts[0]["segment"] == "total"
    assert facts[0]["share"] == 1.0
    assert facts[0]["change"] is None
    assert {fact["months_known"] for fact in facts} == {57}
    await fitted.sql("UPDATE forecasting.reviews SET state = 'stopped'")

    second, segments = await explained(fitted, "shops-2", 58)
    assert segments["changed"] == []  # what was stopped is no forecast that anybody saw
    await fitted.sql("UPDATE forecasting.reviews SET state = 'published' WHERE forecast_id = 'shops-2'")

    third, segments = await explained(fitted, "shops-3", 60)
    assert segments["changed"]
    total = (await page(fitted, "shops-3", third))[0]
    assert total["change"] is not None
    assert total["surprise"] is not None
    assert 0 <= total["misses"] <= 2
    assert second["version"] != third["version"]
    with pytest.raises(PermanentError, match="no page 2"):
        await page(fitted, "shops-3", third, 2)


async def test_what_the_table_said_decides_within_the_share(fitted: Review) -> None:
    run, _ = await explained(fitted, "shops-1", 60)
    names = [fact["segment"] for fact in await page(fitted, "shops-1", run)]
    given: dict[str, Any] = {"forecast_id": "shops-1", "forecast": run}
    with pytest.raises(PermanentError, match="said nothing of 7 segments"):
        await fitted.run("list_reviews", **given, collection=1, review_share=0.3)
    needs = [
        {"segment": name, "review": place > 1, "priority": place, "reviewer_group": "sales-ops", "why": "because"}
        for place, name in enumerate(names)
    ]
    assert await fitted.run("note_needs", **given, page_key="1/1", needs=needs) == {"needed": 5}
    listed = await fitted.run("list_reviews", **given, collection=1, review_share=0.3)
    assert listed["reviews"] == [
        {"segment": names[6], "group": "sales-ops", "assignee": None},
        {"segment": names[5], "group": "sales-ops", "assignee": None},
    ]
    assert listed["auto_approved"] == 5
    rows = await fitted.sql("SELECT segment FROM forecasting.segment_facts WHERE to_review ORDER BY place")
    assert [row["segment"] for row in rows] == names[5:]
    rows = await fitted.sql("SELECT segment, png FROM forecasting.pictures WHERE run_version = %s", run["version"])
    assert {row["segment"] for row in rows} == {"total", *names[5:]}
    assert all(bytes(row["png"]).startswith(b"\x89PNG") for row in rows)


async def test_the_bias_of_earlier_overrides_is_a_fact(fitted: Review) -> None:
    await fitted.sql(
        """INSERT INTO forecasting.publications (version, forecast_id, release, organisation, run_version, months, facts)
           VALUES ('shops-0.1', 'shops-0', 1, 'shops', 'run', '{2012-12}', '{}')"""
    )
    for until, segment, step, person, bias in (
        ("2012-12", "r0/s0", "override", "erika", 10.0),
        ("2013-01", "r0/s0", "override", "erika", 30.0),
        ("2012-12", "r0/s1", "override", None, 50.0),
        ("2012-12", "r1/s0", "reconciled", "erika", 50.0),
    ):
        await fitted.sql(
            """INSERT INTO forecasting.judged (version, until, segment, step, champion, person, months, bias)
               VALUES ('shops-0.1', %s, %s, %s, 'theta', %s, 1, %s)""",
            *(until, segment, step, person, bias),
        )
    run, _ = await explained(fitted, "shops-1", 60)
    biased = {fact["segment"]: fact["override_bias"] for fact in await page(fitted, "shops-1", run)}
    assert biased.pop("r0/s0") == pytest.approx(0.2)
    assert set(biased.values()) == {None}


def test_nobody_is_asked_more_than_the_share() -> None:
    needs = [Need(f"s{i:04}", i % 2 == 0, float(i % 10), "sales-ops", "") for i in range(200)]
    taken = chosen(needs, 0.15)
    assert len(taken) == 30
    assert {need.priority for need in taken} == {8.0, 6.0}
    assert [need.segment for need in taken[:2]] == ["s0008", "s0018"]
    assert len(chosen(needs[:3], 0.15)) == 1
    assert chosen([Need("a", False, 9.0, "sales-ops", "")], 1.0) == []
    assert len(chosen([Need(f"s{i}", True, 1.0, "sales-ops", "") for i in range(5000)], 0.15)) == MOST


def test_a_page_with_what_the_table_says_stays_small() -> None:
    fact = Fact("Western Australia/Hardware, building and garden supplies", "state*industry", -0.1234, -0.1234, -0.1234,
                -0.1234, 12.3456, -0.1234, 999, 99, 1000)  # fmt: skip
    need = Need(fact.segment, True, 99.99, "sales-managers", "large, unsure and changed by more than the limit of 15 %")
    encode = json.JSONEncoder(default=lambda value: {name: getattr(value, name) for name in value.__slots__}).encode
    assert len(encode([fact] * PAGE)) + len(encode([need] * PAGE)) < 20_000
    assert max(len(encode([fact] * PAGE)), len(encode([need] * PAGE))) < 16_000
