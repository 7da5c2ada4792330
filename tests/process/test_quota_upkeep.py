"""`quota_upkeep`: a published forecast and published territories start an adjustment of the quotas that they concern."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.casework import Case
from tests.process.quotas import PERIOD, Approvals, open_approvals
from workers.engine.driven import DrivenEngine

pytestmark = pytest.mark.timeout(1200)  # planning starts a process, which takes long on a busy machine

SALES, LAND = "sales", "land"
MONTHS = [f"{PERIOD}-{month:02}" for month in range(1, 13)]
SEGMENTS = {"north": 10_000.0, "south": 10_000.0}
POTENTIALS = {"a1": ("north", 130.0), "a2": ("north", 70.0), "b1": ("south", 100.0), "b2": ("south", 100.0)}
FORECAST_FACTS: dict[str, Any] = {  # Any: JSON
    "overrides": 0, "total": 1.0, "change_percent_to_base": 0.0, "change_percent_to_former": None, "override_share": 0.0,
    "conflict_count": 0, "conflicts": [],
}  # fmt: skip
TERRITORY_FACTS: dict[str, Any] = {  # Any: JSON
    "plan_version": "p1", "effective_from": "2026-01-01", "live": False, "changed": 1, "changed_share": 0.1,
    "potential_share": 0.1, "key_accounts_moved": 0, "gap": 0.0, "edits": 0, "refusals": 0, "unseen": 0,
}  # fmt: skip


class Forecasts(Case):
    """Forecasts, as far as their publication."""

    context = "forecast_review"

    async def publish(self, version: str, figures: Mapping[str, float], months: list[str]) -> None:
        """A version comes into use at the CRM, and is announced."""
        await self.sql(
            "INSERT INTO forecasting.organisations (id, name, levels) VALUES (%s, 'Sales', '{segment}')"
            " ON CONFLICT DO NOTHING",
            SALES,
        )
        review = version.partition(".")[0]
        await self.sql(
            "INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, opened_at)"
            " VALUES (%s, %s, 'by_hand', 'test', now())",
            *(review, SALES),
        )
        await self.sql(
            "INSERT INTO forecasting.publications (version, forecast_id, release, organisation, run_version, months,"
            " facts) VALUES (%s, %s, 1, %s, 'r', %s, '{}')",
            *(version, review, SALES, months),
        )
        for place, (segment, value) in enumerate(figures.items()):
            row, low, high = ([value * factor] * len(months) for factor in (1.0, 0.9, 1.1))
            await self.sql(
                "INSERT INTO forecasting.published_segments (version, place, segment, level, champion, naive, model,"
                " base, final, bottom, lo80, hi80, lo95, hi95)"
                " VALUES (%s, %s, %s, 'segment', 'naive', %s, %s, %s, %s, true, %s, %s, %s, %s)",
                *(version, place, segment, row, row, row, row, low, high, low, high),
            )
        await self.sql(
            "INSERT INTO crm.forecast_versions (version, organisation, unit, currency, months, figures)"
            " VALUES (%s, %s, '', '', %s, '{}')",
            *(version, SALES, months),
        )
        await self.sql(
            "INSERT INTO crm.forecast_changes (organisation, version, change_id) VALUES (%s, %s, %s)",
            *(SALES, version, version),
        )
        await self.run(
            "announce_forecast",
            forecast_id=review,
            organisation=SALES,
            release_facts=FORECAST_FACTS | {"published_version": version},
        )


class Lands(Case):
    """Territories, as far as their publication."""

    context = "territory_alignment"

    async def organisation(self) -> None:
        await self.sql("INSERT INTO territories.organisations (id, name) VALUES (%s, 'Land')", LAND)

    async def publish(self, version: str) -> None:
        """Territories of `POTENTIALS` come into use at the CRM, and are announced."""
        alignment = version.partition(".")[0]
        await self.sql(
            "INSERT INTO territories.plans (version, name, card, content, sha256) VALUES ('p1', 'land', '{}', '', '')"
        )
        for place, (rep, (region, potential)) in enumerate(POTENTIALS.items()):
            await self.sql(
                "INSERT INTO territories.plan_accounts (version, place, account, rep, owner, potential, workload, km,"
                " region, key_account, why) VALUES ('p1', %s, %s, %s, %s, %s, 1, 1, %s, false, '')",
                *(place, f"account-{rep}", rep, rep, potential, region),
            )
        await self.sql(
            "INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, opened_at)"
            " VALUES (%s, %s, 'by_hand', 'test', now())",
            *(alignment, LAND),
        )
        await self.sql(
            "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version,"
            " effective_from, facts) VALUES (%s, %s, 1, %s, 'p1', '2026-01-01', '{}')",
            *(version, alignment, LAND),
        )
        await self.sql(
            "INSERT INTO crm.territory_versions (version, organisation, effective_from) VALUES (%s, %s, '2026-01-01')",
            *(version, LAND),
        )
        await self.sql(
            "INSERT INTO crm.territory_changes (organisation, version, change_id) VALUES (%s, %s, %s)",
            *(LAND, version, version),
        )
        await self.run(
            "announce_territories",
            alignment_id=alignment,
            organisation=LAND,
            release_facts=TERRITORY_FACTS | {"published_version": version},
        )


class Upkeep(Approvals):
    """Quotas that are planned by what others publish."""

    async def looked_after(self, version: str) -> list[str]:
        """Reviews that the round about a published version asked for, once it has ended."""

        def rounds() -> list[int]:
            found = self.engine.process_instances("quota_upkeep")
            return [one.key for one in found if self.engine.variables(one.key).get("occurrence") == version]

        await self.until(rounds, f"the round about {version}")
        await self.instance_passed(rounds()[0], "quotas_looked_after")
        rows = await self.rows(
            "SELECT facts->>'quota_id' AS id FROM runtime.timeline WHERE action = 'adjustment_asked' AND why LIKE %s",
            f"% {version} %",
        )
        return [row["id"] for row in rows]


@pytest.fixture
async def upkeep(engine: DrivenEngine, planning_dsn: str) -> AsyncIterator[Upkeep]:
    """All tasks of quota approval are served."""
    async with open_approvals(Upkeep, engine, planning_dsn) as opened:
        await opened.serve()
        yield opened


async def test_what_others_publish_adjusts_the_quotas_that_it_concerns(upkeep: Upkeep) -> None:
    forecasts, lands = Forecasts(upkeep.resources), Lands(upkeep.resources)
    await lands.organisation()
    await forecasts.publish("sales-1.1", SEGMENTS, MONTHS)
    await upkeep.organisation(forecast_of=SALES, territories_of=LAND)
    assert await upkeep.looked_after("sales-1.1") == []  # no quotas are published
    first = await upkeep.ask()
    await upkeep.approve_rest(first, "a1", "a2")
    await upkeep.decide(first, "a2", "dirk")
    await upkeep.nobody_objects(first)
    await upkeep.ended(first, "quotas_published")
    before = await upkeep.quotas(first)

    # A small change concerns nobody; a large one is asked for, and the table says that it is too early.
    await forecasts.publish("sales-2.1", SEGMENTS | {"north": 10_900.0}, MONTHS)
    assert await upkeep.looked_after("sales-2.1") == []
    await forecasts.publish("sales-3.1", SEGMENTS | {"north": 11_500.0}, MONTHS)
    (early,) = await upkeep.looked_after("sales-3.1")
    await upkeep.ended(early, "adjustment_not_allowed")
    why = upkeep.engine.variables(await upkeep.instance(early))["adjustment_rule"]["why"]
    assert "less than 30 days" in why

    # Later the period is half over: what the forecast does not reach back to stays as it was planned.
    await upkeep.travel_to(upkeep.now() + timedelta(days=31))
    await forecasts.publish("sales-4.1", SEGMENTS, MONTHS[6:])
    assert await upkeep.looked_after("sales-4.1") == []

    # Territories move a1 and a2, and nobody else.
    await lands.publish("land-1.1")
    (asked,) = await upkeep.looked_after("land-1.1")
    await upkeep.passed(asked, "list_approvals")
    review = await upkeep.row("SELECT concerned, asked_by, reason FROM quotas.reviews WHERE quota_id = %s", asked)
    assert review == {"concerned": ["a1", "a2"], "asked_by": "upkeep", "reason": "adjustment"}
    variables = upkeep.engine.variables(await upkeep.instance(asked))
    assert variables["change_percent"] == pytest.approx(30, abs=0.1)
    after = await upkeep.quotas(asked)
    assert after["a1"] > before["a1"]
    assert after["a2"] < before["a2"]
    assert {node for node in after if after[node] != before[node]} == {"a1", "a2"}
    stored = await upkeep.row("SELECT content FROM quotas.inputs WHERE quota_id = %s", asked)
    inputs = json.loads(zlib.decompress(bytes(stored["content"])))
    assert [
        row["month"] for row in inputs["forecast"] if row["period"] == PERIOD and row["segment"] == "north"
    ] == MONTHS
    assert {row["rep"]: float(row["potential"]) for row in inputs["territories"] if row["period"] == PERIOD} == {
        rep: potential for rep, (_, potential) in POTENTIALS.items()
    }
