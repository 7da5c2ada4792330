"""The KPIs of deals, follow-ups and overrides, from rows whose figures are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workers.control_room.kpis import Scope, cases_of, declared, measured, over_leads, queries_of
from workers.control_room.rendering import kpi
from workers.runtime.database import Pool


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def values(pool: Pool) -> dict[str, float | None]:
    """All KPIs of the last ten days."""
    scope = Scope(ago(10), ago(-0.1))
    async with pool.connection() as connection:
        row = await over_leads(connection, scope, queries_of(scope))
    return {one.kpi.name: one.value for one in measured(row)}


async def behind(pool: Pool, name: str) -> set[tuple[str, str]]:
    """Case and what of all that a KPI opens."""
    (kpi,) = (one for one in declared() if one.name == name)
    async with pool.connection() as connection:
        rows = await cases_of(connection, kpi, Scope(ago(10), ago(-0.1)), 100)
    return {(row["case_id"], row["what"]) for row in rows}


async def test_deal_velocity_is_that_of_the_usual_formula(pool: Pool) -> None:
    deals = [
        *(("open", 30, None, None, 5_000), ("open later", 3, None, None, 5_000)),
        *(("won", 50, 2, True, 10_000), ("won sooner", 25, 5, True, 20_000)),
        *(("lost", 40, 1, False, 90_000), ("lost too", 40, 4, False, 1_000), ("long ago", 99, 60, True, 70_000)),
    ]
    async with pool.connection() as connection:
        for name, opened, closed, won, amount in deals:
            await connection.execute(
                """INSERT INTO crm.opportunities (id, name, owner_id, stage, amount_eur, opened_at, stage_since,
                                                  closed_at, won)
                   VALUES (%s, %s, 'rep', 'propose', %s, %s, %s, %s, %s)""",
                (name, name, amount, ago(opened), ago(opened), None if closed is None else ago(closed), won),
            )
    # Six were open at some time, two of four closed were won, at 15,000 on average, after 48 and 20 days.
    assert (await values(pool))["deal_velocity"] == pytest.approx(6 * 0.5 * 15_000 / 34, rel=1e-5)
    assert ("won", "won, 10000 EUR, won") in await behind(pool, "deal_velocity")
    assert len(await behind(pool, "deal_velocity")) == 4


async def test_what_was_called_off_or_is_not_due_is_no_missed_follow_up(pool: Pool) -> None:
    promises = [("done", 1.0), ("late", 2.0), ("missed", 3.0), ("open", 4.0), ("dropped", 1.0), ("cancelled", 1.0)]
    async with pool.connection() as connection:
        for state, days in [*promises, ("open", -0.05), ("done", 30.0)]:
            await connection.execute(
                """INSERT INTO selling.follow_ups (follow_up_id, subject_kind, subject_id, rep_id, contact, channel,
                                                   promised_for, due_at, state, opened_at)
                   VALUES (gen_random_uuid(), 'lead', 'one', 'rep', 'she', 'phone', %s, %s, %s, %s)""",
                (ago(days), ago(days), state, ago(40)),
            )
    assert (await values(pool))["follow_ups_missed"] == pytest.approx(3 / 5)
    assert {what for _, what in await behind(pool, "follow_ups_missed")} == {
        f"{state}: she, phone, by rep" for state in ("late", "missed", "open")
    }


async def test_overrides_count_by_answers_and_by_what_they_were_worth(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO forecasting.organisations (id, name, levels) VALUES ('o', 'O', '{all}')")
        for number, answer in enumerate(["accept", "override", "hand_over", "accept", "closed", "accept"]):
            await connection.execute(
                "INSERT INTO forecasting.answers (forecast_id, review_key, segment, answer, decided_at)"
                " VALUES ('f', %s, 's', %s, %s)",
                (f"r{number}", answer, ago(1)),
            )
        await connection.execute(
            "INSERT INTO forecasting.publications (version, forecast_id, release, organisation, run_version, months, facts)"
            " VALUES ('f.1', 'f', 1, 'o', 'r', '{2026-01}', '{}')"
        )
        for segment, step, person, added in (
            *(("a", "override", "ann", 4.0), ("b", "override", "bob", -1.0)),
            *(("c", "override", None, 50.0), ("a", "model", "ann", 30.0)),
        ):
            await connection.execute(
                """INSERT INTO forecasting.judged (version, until, segment, step, champion, person, months, value_added)
                   VALUES ('f.1', '2026-01', %s, %s, 'ets', %s, 1, %s)""",
                (segment, step, person, added),
            )
    found = await values(pool)
    assert found["override_rate"] == pytest.approx(1 / 4)
    assert found["override_value"] == pytest.approx(0.015)
    assert await behind(pool, "override_rate") == {("f", "s")}
    assert await behind(pool, "override_value") == {("f", "a, by ann: 4.0 points"), ("f", "b, by bob: -1.0 points")}


def test_money_a_day_is_shown_as_such() -> None:
    (velocity,) = (one for one in declared() if one.name == "deal_velocity")
    assert kpi(1_234.5, velocity.unit).endswith("€/day")
    assert kpi(None, velocity.unit) == kpi(None, "ratio")
