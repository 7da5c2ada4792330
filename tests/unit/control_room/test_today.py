"""The figures of the page Today, each against what was put in, counted in another way."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import mean, median, quantiles

import pytest
from prometheus_client import REGISTRY

from tests.unit.control_room import foresights
from tests.unit.control_room.engine_log import EngineLog
from tests.unit.control_room.town import REPS, Case, live, settle
from workers.control_room import lists, today
from workers.control_room.following import Follower
from workers.control_room.kpis import Gauges, Scope, cases_of, declared
from workers.control_room.lead_days import LeadDays
from workers.runtime.database import Pool


@pytest.fixture
async def cases(pool: Pool, log: EngineLog, follower: Follower) -> list[Case]:
    await settle(pool)
    made = await live(pool, log, leads=80)
    await follower.catch_up()
    return made


def scope(team: str | None = None) -> Scope:
    now = datetime.now(UTC)
    return Scope(now - timedelta(hours=24), now + timedelta(hours=1), team)


async def read(pool: Pool, team: str | None = None) -> today.Today:
    return await today.read(pool, scope(team))


def p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]


@pytest.mark.parametrize("team", [None, "dach"])
async def test_speed_is_parted_into_system_and_people(pool: Pool, cases: list[Case], team: str | None) -> None:
    found = await read(pool, team)
    ours = [case for case in cases if team in {None, case.team}]
    done = [case for case in ours if case.seconds is not None]
    assert (found.leads, found.accepted, found.open) == (len(ours), len(done), len(ours) - len(done))
    for spread, values in (
        (found.total, [case.seconds or 0.0 for case in done]),
        (found.human, [case.human for case in done]),
        (found.system, [(case.seconds or 0.0) - case.human for case in done]),
    ):
        assert spread.p50 == pytest.approx(median(values), abs=0.01)
        assert spread.p95 == pytest.approx(p95(values), abs=0.01)
    bands = Counter(sum((case.seconds or 0.0) >= low for low in (300, 900, 3_600)) for case in done)
    assert [band.accepted for band in found.bands] == [bands[number] for number in range(4)]
    assert sum(band.open for band in found.bands) == found.open
    assert found.met == sum(case.breaches == 0 for case in done)
    assert found.missed == sum(case.breaches > 0 for case in ours)


async def test_each_figure_opens_what_it_counts(pool: Pool, cases: list[Case]) -> None:
    found = await read(pool)
    counted = {
        "leads": found.leads, "accepted": found.accepted, "open": found.open, "met": found.met, "missed": found.missed,
        "overdue": found.overdue, "at-risk": found.at_risk, "in-time": found.in_time, "slowest": found.accepted,
        "slowest-system": found.accepted, "slowest-human": found.accepted,
    }  # fmt: skip
    for number, band in enumerate(found.bands):
        counted |= {f"accepted-{number}": band.accepted, f"open-{number}": band.open}
    assert found.overdue + found.at_risk + found.in_time == sum(case.state == "assigned" for case in cases)
    async with pool.connection() as connection:
        for name, number in counted.items():
            listed = await lists.leads(connection, name, scope())
            assert (listed.total, len(listed.rows)) == (number, number), name
        for load in found.load:
            assert (await lists.leads(connection, "given", scope(), rep=load.id)).total == load.leads
            assert (await lists.leads(connection, "held", scope(), rep=load.id)).total == load.open
            assert (await lists.leads(connection, "by-turn", scope(), rep=load.id)).total == load.by_turn
        assert set(counted) | {"given", "held", "by-turn"} == set(lists.FIGURES)
        for part in ("", "system_", "human_"):
            slowest = await lists.leads(connection, f"slowest-{part}".strip("-_"), scope())
            took = [row[f"{part}seconds"] for row in slowest.rows]
            assert took == sorted(took, reverse=True)
        with pytest.raises(lists.UnknownFigure):
            await lists.leads(connection, "nothing", scope())


async def test_a_lead_is_at_risk_when_most_of_its_time_is_gone(pool: Pool, cases: list[Case]) -> None:
    now = datetime.now(UTC)
    async with pool.connection() as connection:
        for lead, began, ends in (("lead-0001", 10, 30), ("lead-0002", 90, 10), ("lead-0003", 90, -1)):
            await connection.execute(
                "UPDATE routing.leads SET state = 'assigned', assigned_at = %s, sla_due_at = %s WHERE lead_id = %s",
                (now - timedelta(minutes=began), now + timedelta(minutes=ends), lead),
            )
        risky = {row["lead_id"] for row in (await lists.leads(connection, "at-risk", scope())).rows}
        in_time = {row["lead_id"] for row in (await lists.leads(connection, "in-time", scope())).rows}
        overdue = {row["lead_id"] for row in (await lists.leads(connection, "overdue", scope())).rows}
    assert "lead-0001" in in_time
    assert "lead-0002" in risky
    assert "lead-0003" in overdue


async def test_a_prediction_says_more_than_the_rule_while_it_is_fresh(pool: Pool, cases: list[Case]) -> None:
    now = datetime.now(UTC)
    waiting = [case for case in cases if case.state == "assigned"][:3]
    async with pool.connection() as connection:
        for case, began, ends in zip(waiting, (1, 90, 90), (50, 10, -1), strict=True):
            await connection.execute(
                "UPDATE routing.leads SET assigned_at = %s, sla_due_at = %s WHERE lead_id = %s",
                (now - timedelta(minutes=began), now + timedelta(minutes=ends), case.lead_id),
            )
    early, gone, over = waiting
    for risk, at, risky in (
        ({early.instance: 0.9, gone.instance: 0.1, over.instance: 1.0}, None, [early.lead_id]),
        ({early.instance: 0.9, gone.instance: 0.1}, now - today.FRESH, [gone.lead_id]),
    ):
        await foresights.predict(pool, risk, at=at)
        async with pool.connection() as connection:
            listed = await lists.leads(connection, "at-risk", scope())
            assert {case.lead_id for case in waiting} & {row["lead_id"] for row in listed.rows} == set(risky)
        found = await read(pool)
        assert found.at_risk == listed.total
        assert found.overdue + found.at_risk + found.in_time == sum(case.state == "assigned" for case in cases)
        if at is None:
            row = next(row for row in listed.rows if row["lead_id"] == early.lead_id)
            assert (row["risk"], row["low"], row["high"]) == (0.9, 600, 9_000)


async def test_tasks_are_counted_by_who_and_age(pool: Pool, cases: list[Case]) -> None:
    found = await read(pool)
    (reps,) = found.waiters
    waiting = [case for case in cases if case.state == "assigned"]
    assert (reps.name, reps.person, reps.tasks) == ("reps", False, len(waiting))
    assert reps.overdue == sum(case.due is not None and case.due < datetime.now(UTC) for case in waiting)
    assert {task["case_id"] for task in found.tasks} <= {case.lead_id for case in waiting}
    created = [task["created_at"] for task in found.tasks]
    assert created == sorted(created)
    assert len(created) == 8
    async with pool.connection() as connection:
        assert len(await today.tasks_of(connection, scope(), who="reps")) == len(waiting)
        assert not await today.tasks_of(connection, scope(), who="olga")
        for number, count in enumerate(reps.ages):
            assert len(await today.tasks_of(connection, scope(), who="reps", age=number)) == count
        late = await today.tasks_of(connection, scope(), who="reps", overdue=True, limit=1)
        assert [task["total"] for task in late] == [reps.overdue]
    assert (await read(pool, "dach")).waiters[0].tasks == sum(case.team == "dach" for case in waiting)


async def test_load_is_held_against_the_fair_share_by_weight(pool: Pool, cases: list[Case]) -> None:
    found = {load.id: load for load in (await read(pool)).load}
    assert set(found) == set(REPS)
    pools = Counter(case.team for case in cases if not case.touched)
    weights = {team: sum(weight for _, teams, weight in REPS.values() if team in teams) for team in pools}
    for key, (_, teams, weight) in REPS.items():
        assert found[key].leads == sum(case.owner == key for case in cases)
        assert found[key].by_turn == sum(case.owner == key and not case.touched for case in cases)
        assert found[key].fair == pytest.approx(sum(pools[team] * weight / weights[team] for team in teams))
    assert sum(load.fair for load in found.values()) == pytest.approx(sum(pools.values()))


async def test_kpis_are_the_same_on_the_page_and_for_prometheus(pool: Pool, cases: list[Case]) -> None:
    shown = {one.kpi.name: one.value for one in (await read(pool)).kpis}
    assert list(shown) == [kpi.name for kpi in declared()]
    done = [case for case in cases if case.accepted]
    judged = [case for case in cases if case.accepted or case.breaches]
    assert shown["speed_to_lead_p50"] == pytest.approx(median([case.seconds or 0.0 for case in done]), abs=0.01)
    assert shown["sla_met"] == pytest.approx(sum(case.breaches == 0 for case in judged) / len(judged))
    assert shown["sla_breaches"] == pytest.approx(1_000 * sum(case.breaches for case in cases) / len(cases))
    assert shown["untouched"] == pytest.approx(sum(not case.touched for case in cases) / len(cases))
    assert shown["first_pass_yield"] == 1.0
    assert shown["time_to_repair"] == pytest.approx(240)
    assert shown["auto_recovery"] == 0.0
    assert 0 < (shown["failure_rate"] or 0) < 0.2
    assert 0 < (shown["tasks_late"] or 0) < 1

    gauges = Gauges(pool)
    try:
        await gauges.measure()
        for kpi in declared():
            value = math.nan if shown[kpi.name] is None else shown[kpi.name]
            gauge = REGISTRY.get_sample_value(f"fairlead_kpi_{kpi.name}_{kpi.unit}")
            assert gauge == pytest.approx(value, nan_ok=True), kpi.name
    finally:
        gauges.close()


async def test_each_kpi_opens_what_counts(pool: Pool, cases: list[Case]) -> None:
    shown = {one.kpi.name: one.value for one in (await read(pool)).kpis}
    by_day = Scope(datetime.now(UTC).replace(hour=0, minute=0, second=0) - timedelta(days=7), scope().until, None, True)
    async with pool.connection() as connection:
        behind = {kpi.name: await cases_of(connection, kpi, scope(), 1_000) for kpi in declared()}
        for kpi in declared():
            assert await cases_of(connection, kpi, by_day, 1_000) == behind[kpi.name], kpi.name
        speed = declared()[0]
        (slowest,) = await cases_of(connection, speed, scope("dach"), 1)
    ours = [case.seconds for case in cases if case.seconds is not None and case.team == "dach"]
    assert slowest["seconds"] == pytest.approx(max(ours), abs=0.01)
    assert slowest["total"] == len(ours)

    def keys(name: str) -> set[int]:
        rows = behind[name]
        assert len({row["instance_key"] for row in rows}) == len(rows) == rows[0]["total"]
        assert all(row["known"] and row["name"] and row["case_id"] for row in rows)
        return {row["instance_key"] for row in rows}

    took = [row["seconds"] for row in behind["speed_to_lead_p95"]]
    assert took == sorted(took, reverse=True)
    assert median(took) == pytest.approx(shown["speed_to_lead_p50"])
    assert keys("sla_met") == keys("sla_breaches") == {case.instance for case in cases if case.breaches}
    assert keys("untouched") == {case.instance for case in cases if case.touched}
    assert behind["first_pass_yield"] == []
    assert median(row["seconds"] for row in behind["cycle_time_p50"]) == pytest.approx(shown["cycle_time_p50"])
    assert mean(row["seconds"] for row in behind["time_to_repair"]) == pytest.approx(shown["time_to_repair"])
    assert len(keys("failure_rate")) / len(cases) == pytest.approx(shown["failure_rate"])
    assert {row["what"] for row in behind["auto_recovery"]} == {"write_owner"}
    assert all(row["seconds"] > 0 for row in behind["tasks_late"])


async def test_without_anything_there_is_nothing_to_say(pool: Pool) -> None:
    found = await read(pool)
    assert (found.leads, found.total.p50, found.waiters, found.load) == (0, None, (), ())
    assert all(one.value is None for one in found.kpis)
    gauges = Gauges(pool)
    try:
        await gauges.measure()
        assert math.isnan(REGISTRY.get_sample_value("fairlead_kpi_sla_met_ratio") or 0.0)
    finally:
        gauges.close()


async def test_a_repair_by_policy_counts_as_recovery(pool: Pool, log: EngineLog, follower: Follower) -> None:
    case = log.start("lead_routing", log.deploy("lead_routing"))
    for job in (901, 902):
        trouble = case.fail("write_owner", "away", job=job)
        log.wait(seconds=10)
        case.mend(trouble, "write_owner", "away", job=job)
    await follower.catch_up()
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO runtime.audit (actor, action, target, subject, why, outcome, settled_at)"
            " VALUES ('policy:crm_away', 'incident.retry', 'incident 1', 'job:901', 'it is back', 'done', now())"
        )
        # Other troubles count where something was tried.
        for subject, state, attempts in (("lead:1", "healed", 1), ("lead:2", "gone", 1), ("lead:3", "gone", 0)):
            await connection.execute(
                "INSERT INTO healing.cases (subject, symptom, since, state, attempts, ended_at)"
                " VALUES (%s, 'owner_left', now(), %s, %s, now())",
                (subject, state, attempts),
            )
    shown = {one.kpi.name: one.value for one in (await read(pool)).kpis}
    assert shown["auto_recovery"] == 0.5
    assert shown["time_to_repair"] == 10


async def test_days_that_are_over_are_counted_once_and_again_when_they_change(
    pool: Pool, cases: list[Case], log: EngineLog
) -> None:
    """The figures are those of the leads, whether the days were made, or not yet, or have changed since."""
    async with pool.connection() as connection:
        for table, columns in (
            ("routing.leads", ("received_at", "accepted_at")),
            ("control.instances", ("started_at",)),
        ):
            moved = ", ".join(f"{one} = {one} - interval '30 hours' * (1 + length({key}::text) % 2)" for one in columns
                              for key in (("lead_id",) if table == "routing.leads" else ("key",)))  # fmt: skip
            await connection.execute(f"UPDATE {table} SET {moved}".encode())
    until = datetime.now(UTC) + timedelta(minutes=1)
    since = (until - timedelta(days=7)).replace(hour=0, minute=0, second=0, microsecond=0)

    async def same(team: str | None) -> today.Today:
        exact = await today.read(pool, Scope(since, until, team))
        found = await today.read(pool, Scope(since, until, team, by_day=True))
        for name in ("leads", "accepted", "open", "met", "missed", "bands"):
            assert getattr(found, name) == getattr(exact, name), name
        for one, other in zip(
            (found.total, found.system, found.human), (exact.total, exact.system, exact.human), strict=True
        ):
            # The exact one lies between two leads, that by day is of one of them; so few lie far apart.
            assert (one.p50 or 0.0) == pytest.approx(other.p50 or 0.0, rel=0.25)
        values = [{one.kpi.name: one.value for one in each.kpis} for each in (found, exact)]
        for name in ("sla_met", "sla_breaches", "untouched", "first_pass_yield"):
            assert values[0][name] == pytest.approx(values[1][name]), name
        return found

    days = LeadDays(pool)
    first = await same(None)
    assert first.leads == len(cases)
    await days.catch_up()
    for team in (None, "dach"):
        await same(team)
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE control.lead_days SET accepted = accepted + 1000 WHERE team = '' AND leads > 0"
        )
    read = await today.read(pool, Scope(since, until, None, by_day=True))
    assert read.accepted > 1_000, "what was made is what is read"
    async with pool.connection() as connection:
        await connection.execute("UPDATE routing.leads SET sla_breaches = sla_breaches + 1")
        await connection.execute("UPDATE control.instances SET human_seconds = human_seconds / 2")
    changed = await same(None)
    assert changed.missed == len(cases)
    await days.catch_up()
    assert (await same(None)).missed == len(cases)
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM routing.assignments; DELETE FROM routing.leads")
    assert (await same(None)).leads == 0
