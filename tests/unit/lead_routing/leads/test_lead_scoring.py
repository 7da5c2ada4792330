"""Scoring with stored models: the active one, a newer one, none, a broken one."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.lead_routing.leads.casework import Casework
from workers.lead_routing import wiring
from workers.lead_routing.adapters.scorer import ModelShelf, features
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Enrichment
from workers.lead_routing.ports.scorer import ScorerUnavailable
from workers.lead_routing.scoring import store
from workers.lead_routing.scoring.schema import load_schema
from workers.lead_routing.scoring.table import build_table
from workers.lead_routing.scoring.training import Recipe, train


def artifact(seed: int) -> tuple[str, bytes]:
    """A small real model: referrals convert, the rest rarely do."""
    rows = [
        {
            "lead_id": f"lead-{i}",
            "received_at": (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i)).isoformat(),
            "source": "referral" if i % 3 == 0 else "cold_list",
            "company": {"employees": 10 + i},
            "attributes": {"page_views": i % 17},
            "converted": (i % 3 == 0 and i % 7 != 0) or i % 29 == 0,
        }
        for i in range(1200)
    ]
    trained = train(build_table(rows, load_schema("sales_leads")), seed=seed, recipe=Recipe(rounds=20, members=1))
    return trained.version, trained.artifact


@pytest.fixture(scope="session")
def models() -> list[tuple[str, bytes]]:
    return [artifact(1), artifact(2)]


async def activate(case: Casework, version: str, content: bytes) -> None:
    async with case.resources.pool.connection() as connection:
        await store.save(connection, version, "sales_leads", content, {})
        await store.activate(connection, version)


def use_clock(case: Casework, seconds: list[float]) -> None:
    case.resources.cache["lead_routing.models"] = ModelShelf(clock=lambda: seconds[0])


async def score(case: Casework, lead_id: str = "lead", **changes: Any) -> dict[str, Any]:
    lead = {"name": "A", "source": "referral", "attributes": {"page_views": 4}, **changes}
    result = await case.run("score_lead", lead_id=lead_id, lead=lead, enrichment=None)
    found: dict[str, Any] = result["score"]
    return found


async def test_a_worker_that_scores_has_read_the_model_before_its_first_lead(
    case: Casework, models: list[tuple[str, bytes]]
) -> None:
    await case.register("lead", {"name": "A", "email": "a@b.co"})
    await activate(case, *models[0])
    with capture_logs() as logs:
        await wiring.prepare(case.resources, {"assign_owner"})
        assert not logs
        await wiring.prepare(case.resources, {"score_lead"})
        assert [one["model_version"] for one in logs if one["action"] == "model_loaded"] == [models[0][0]]
        assert (await score(case))["model_version"] == models[0][0]
    assert [one["action"] for one in logs].count("model_loaded") == 1


async def test_a_worker_that_started_without_a_model_takes_the_first_that_comes(
    case: Casework, models: list[tuple[str, bytes]]
) -> None:
    await wiring.prepare(case.resources, {"score_lead"})
    await case.register("lead", {"name": "A", "email": "a@b.co"})
    await activate(case, *models[0])
    assert (await score(case))["model_version"] == models[0][0]


async def test_the_active_model_scores_with_reasons(case: Casework, models: list[tuple[str, bytes]]) -> None:
    await case.register("lead", {"name": "A", "email": "a@b.co"})
    await activate(case, *models[0])
    good, bad = await score(case), await score(case, source="cold_list")
    assert 0 <= bad["value"] < good["value"] <= 1
    assert (good["source"], good["model_version"]) == ("model", models[0][0])
    assert good["band"] in {"hot", "warm", "cold"}
    assert 3 <= len(good["reasons"]) <= 5
    assert good["reasons_text"].count("\n- ") == len(good["reasons"]) - 1
    assert all(math.isfinite(reason["effect"]) for reason in good["reasons"])
    assert (await case.lead("lead"))["score"] == bad
    (entry, _) = await case.sql("SELECT facts FROM runtime.timeline WHERE action = 'scored' ORDER BY id")
    assert entry["facts"]["model_version"] == models[0][0]


async def test_without_a_model_the_table_decides(case: Casework) -> None:
    await case.register("lead", {"name": "A", "email": "a@b.co"})
    with pytest.raises(ScorerUnavailable, match="No model is trained and activated for sales_leads"):
        await score(case)


async def test_a_broken_model_is_said_and_read_only_once_until_the_next_check(
    case: Casework, models: list[tuple[str, bytes]]
) -> None:
    now = [0.0]
    use_clock(case, now)
    await case.register("lead", {"name": "A", "email": "a@b.co"})
    await activate(case, "broken-1", b"no model at all")
    for _ in range(2):
        with pytest.raises(ScorerUnavailable, match="broken-1 can't be used"):
            await score(case)
    await activate(case, *models[0])
    with pytest.raises(ScorerUnavailable):
        await score(case)
    now[0] = 30.0
    assert (await score(case))["model_version"] == models[0][0]


async def test_a_newer_model_is_noticed_within_half_a_minute(case: Casework, models: list[tuple[str, bytes]]) -> None:
    now = [0.0]
    use_clock(case, now)
    await case.register("lead", {"name": "A", "email": "a@b.co"})
    await activate(case, *models[0])
    assert (await score(case))["model_version"] == models[0][0]
    await activate(case, *models[1])
    now[0] = 29.9
    assert (await score(case))["model_version"] == models[0][0]
    now[0] = 30.0
    assert (await score(case))["model_version"] == models[1][0]


async def test_a_source_may_have_a_schema_of_its_own(case: Casework, models: list[tuple[str, bytes]]) -> None:
    await case.register("lead", {"name": "A", "email": "a@b.co"})
    await activate(case, *models[0])
    with pytest.raises(ScorerUnavailable, match="bank_marketing"):
        await score(case, source="bank_marketing")


def test_what_the_crm_knows_wins_over_what_the_lead_says() -> None:
    lead = Lead(email="a@gmail.com", employees=5, industry="retail", attributes={"age": 40, "name": "forged"})
    known = features(lead, Enrichment(500, 1e6, None, 2))
    assert known["employees"] == 500
    assert known["industry"] == "retail"
    assert known["annual_revenue"] == 1e6
    assert known["email_is_free"] is True
    assert known["age"] == 40
    assert known["name"] is None
