"""A version is composed, released, sent, confirmed, taken back: once, and to exactly what was there before."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from pydantic import SecretStr

from tests.unit.forecast_review.publishing.casework import A_MANAGER_S, ALWAYS_FREE, ORGANISATION, Publishing
from workers.forecast_review import wiring
from workers.forecast_review.adapters.targets import ForecastDelivery
from workers.office.systems import CrmDatabase, CrmDown
from workers.runtime.errors import DependencyDown, PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources

SHOP = "r0/s0"


async def test_a_composed_version_holds_base_and_people_apart(case: Publishing) -> None:
    await case.open("a")
    await case.override("a", SHOP, {"2018-01": 1.0}, round_=0, state="rejected")
    await case.override("a", SHOP, {"2018-01": 500.0}, round_=1)
    await case.override("a", "r1", {"2018-02": 100.0}, state="proposed")
    facts = await case.compose("a")
    assert (facts["published_version"], facts["overrides"], facts["conflicts"]) == ("a.1", 1, [])
    rows = await case.segments("a.1")
    points = case.forecast.points.set_index(["segment", "step"])
    assert set(rows) == set(case.forecast.points["segment"])
    shop = rows[SHOP]
    assert shop["final"] == [500.0, *shop["base"][1:]]
    for column, ours in (("value", "base"), ("base", "model"), ("naive", "naive"), ("lo80", "lo80"), ("hi95", "hi95")):
        assert shop[ours] == pytest.approx(points.loc[SHOP][column].tolist())
    assert shop["override"] == {
        "values": {"2018-01": 500.0}, "reason": "promotion", "by": "ana", "approved_by": "mona",
    }  # fmt: skip
    moved = 500.0 - shop["base"][0]
    for name in ("r0", "total"):
        assert rows[name]["final"][0] == pytest.approx(rows[name]["base"][0] + moved, abs=1e-6)
    assert rows["r1"]["final"] == pytest.approx(rows["r1"]["base"], abs=1e-6)
    bottom = [row for row in rows.values() if row["bottom"]]
    assert len(bottom) == 4
    for place in range(6):
        assert rows["total"]["final"][place] == pytest.approx(sum(row["final"][place] for row in bottom), abs=1e-6)
    whole = sum(sum(row["final"]) for row in bottom)
    assert facts["total"] == pytest.approx(whole)
    assert facts["override_share"] == pytest.approx(500 / whole)
    assert facts["change_percent_to_base"] == pytest.approx(100 * moved / (whole - moved), abs=1e-3)
    assert facts["change_percent_to_former"] is None


async def test_a_stored_version_is_never_changed(case: Publishing) -> None:
    await case.open("a")
    await case.compose("a")
    for table in ("publications", "published_segments"):
        with pytest.raises(psycopg.errors.RaiseException, match="not changed"):
            await case.sql(f"UPDATE forecasting.{table} SET version = 'b'")


async def test_conflicts_are_told_to_who_approves(case: Publishing) -> None:
    await case.open("a")
    await case.override("a", "r0", {"2018-01": 10.0})
    await case.override("a", "r0/s0", {"2018-01": 7.0})
    await case.override("a", "r0/s1", {"2018-01": 8.0})
    facts = await case.compose("a")
    assert facts["conflict_count"] == 1
    assert "r0, 2018-01: 10.00 was asked for, 15.00 is" in facts["conflicts"][0]


async def test_an_override_of_nothing_that_is_forecast_says_what_to_do(case: Publishing) -> None:
    await case.open("a")
    await case.override("a", "elsewhere", {"2018-01": 1.0})
    with pytest.raises(PermanentError, match=r"'elsewhere'.* Reject that override"):
        await case.compose("a")


async def test_the_change_is_told_against_what_was_published_before(case: Publishing) -> None:
    await case.publish("a")
    await case.open("b")
    total = (await case.segments("a.1"))["total"]["final"]
    await case.override("b", "total", {"2018-01": 2 * total[0]})
    facts = await case.compose("b")
    assert facts["change_percent_to_former"] == pytest.approx(100 * total[0] / sum(total), abs=1e-3)


@pytest.mark.parametrize(
    ("rule", "choice", "released"),
    [
        (ALWAYS_FREE, None, True),
        (A_MANAGER_S, "approve", True),
        (A_MANAGER_S, "reject", False),
        (A_MANAGER_S, None, False),
    ],
)
async def test_a_release_is_kept_beside_its_version(
    case: Publishing, rule: dict[str, str], choice: str | None, released: bool
) -> None:
    await case.open("a")
    facts = await case.compose("a")
    result = await case.run(
        "record_release",
        forecast_id="a",
        release=1,
        release_facts=facts,
        release_rule=rule,
        release_choice=choice,
        release_comment="too high" if choice == "reject" else None,
        releaser=None if choice is None else "mona",
    )
    assert result == {"released": released}
    row = await case.one("SELECT * FROM forecasting.releases WHERE version = 'a.1'")
    assert row["choice"] == ("approve" if released else "reject")
    assert row["decided_by"] == ("mona" if choice else {"none": "rule"}.get(rule["level"], rule["level"]))
    assert row["comment"] == ("too high" if choice == "reject" else "")


async def test_both_targets_get_the_same_figures_once(case: Publishing) -> None:
    await case.open("a")
    facts = await case.compose("a")
    for _ in range(2):  # the engine may deliver a job twice
        for target in ("crm", "erp"):
            await case.send("a", facts, target)
    assert (await case.confirm("a"))["state"] == "pending"
    await case.deliver()
    publication = await case.confirm("a")
    assert publication["state"] == "delivered"
    assert [(one["target"], one["state"], one["former_version"]) for one in publication["targets"]] == [
        ("crm", "delivered", None),
        ("erp", "delivered", None),
    ]
    ours = {name: row["final"] for name, row in (await case.segments("a.1")).items()}
    for target in ("crm", "erp"):
        assert await case.in_use(target) == "a.1"
        row = await case.one(f"SELECT * FROM {target}.forecast_versions")
        assert (row["version"], row["currency"], row["figures"]) == ("a.1", "EUR", ours)
        with pytest.raises(psycopg.errors.RaiseException, match="not changed"):
            await case.sql(f"UPDATE {target}.forecast_versions SET unit = 'USD'")
        assert len(await case.sql(f"SELECT 1 FROM {target}.forecast_changes")) == 1


async def test_a_target_that_is_not_used_counts_as_having_it(case: Publishing) -> None:
    await case.sql("UPDATE forecasting.organisations SET targets = '{erp}'")
    await case.publish("a")
    publication = await case.confirm("a")
    assert publication["state"] == "delivered"
    assert publication["targets"][0]["why"] == "the organisation does not use it"
    assert (await case.in_use("crm"), await case.in_use("erp")) == (None, "a.1")
    assert await case.take_back("a", "crm")
    await case.deliver()
    assert await case.in_use("crm") is None


async def test_a_refusal_is_an_answer_and_what_others_got_is_taken_back(case: Publishing) -> None:
    first = await case.publish("a")
    await case.sql("UPDATE erp.forecast_terms SET closed_through = '2018-01'")
    await case.publish("b")
    publication = await case.confirm("b")
    assert publication["state"] == "refused"
    assert publication["why"] == "erp: its books are closed up to 2018-01, and the forecast begins with 2018-01"
    assert (await case.in_use("crm"), await case.in_use("erp")) == ("b.1", first)
    for target in ("crm", "erp"):
        assert await case.take_back("b", target)
    await case.deliver()
    assert (await case.in_use("crm"), await case.in_use("erp")) == (first, first)
    states = await case.sql(
        "SELECT state, former, in_use FROM forecasting.sendings WHERE forecast_id = 'b' ORDER BY target"
    )
    assert [(row["state"], row["former"], row["in_use"]) for row in states] == [
        ("restored", first, first),
        ("refused", first, first),
    ]
    await case.sql("UPDATE erp.forecast_terms SET closed_through = ''")
    facts = (await case.one("SELECT facts FROM forecasting.publications WHERE version = 'b.1'"))["facts"]
    for target in ("crm", "erp"):  # tried again: the same version, another attempt
        await case.send("b", facts, target, release=2)
    await case.deliver()
    assert (await case.confirm("b", release=2))["state"] == "delivered"
    assert (await case.in_use("crm"), await case.in_use("erp")) == ("b.1", "b.1")


async def test_another_currency_is_refused(case: Publishing) -> None:
    await case.sql("INSERT INTO crm.forecast_terms (organisation, currency) VALUES (%s, 'USD')", ORGANISATION)
    await case.publish("a")
    assert (await case.confirm("a"))["why"] == "crm: it takes USD only, and the forecast is in EUR"


async def test_a_target_that_stays_away_counts_as_refusing_and_gets_the_undo_behind_the_version(
    case: Publishing,
) -> None:
    first = await case.publish("a")
    await case.open("b")
    facts = await case.compose("b")
    for target in ("crm", "erp"):
        await case.send("b", facts, target)
    case.clock.pass_(minutes=61)
    publication = await case.confirm("b")
    assert (publication["state"], publication["why"]) == ("refused", "crm, erp did not answer within 60 minutes")
    for target in ("crm", "erp"):
        await case.take_back("b", target)
    await case.deliver()  # back again: version and undo come in their order
    for target in ("crm", "erp"):
        assert await case.in_use(target) == first
        assert len(await case.sql(f"SELECT 1 FROM {target}.forecast_versions")) == 2


async def test_a_target_that_is_down_is_tried_again_and_left_alone(case: Publishing) -> None:
    away = CrmDatabase("host=127.0.0.1 port=1 dbname=none", timeout=0.1)
    version = await case.publish("a", "erp")
    row = OutboxRow(1, "crm.forecast", "a", "c", {"change_id": "a/1/crm", "version": version}, 0)
    for _ in range(5):
        with pytest.raises(CrmDown):
            await ForecastDelivery(away, "crm", case.resources.pool)(row)
    with pytest.raises(DependencyDown):
        await ForecastDelivery(away, "crm", case.resources.pool)(row)
    await away.close()


@pytest.mark.parametrize("target", ["crm", "erp"])
async def test_a_target_can_be_reached_another_way_than_our_database(case: Publishing, target: str) -> None:
    version = await case.publish("a", "erp" if target == "crm" else "crm")
    away = {f"{target}_database_url": SecretStr("host=127.0.0.1 port=1 dbname=none")}
    apart = Resources(case.resources.settings.model_copy(update=away), case.resources.pool)
    row = OutboxRow(1, f"{target}.forecast", "a", "c", {"change_id": f"a/1/{target}", "version": version}, 0)
    with pytest.raises(Exception, match="did not answer"):
        await wiring.deliveries(apart)[f"{target}.forecast"](row)
    await wiring.close(apart)


async def test_restoring_is_once_and_nothing_where_nothing_happened(case: Publishing) -> None:
    first, second = await case.publish("a"), await case.publish("b")
    assert not await case.take_back("c", "crm")
    assert await case.take_back("b", "crm")
    assert await case.take_back("b", "crm")  # the stored result
    await case.deliver()
    assert await case.in_use("crm") == first
    assert await case.in_use("erp") == second
    assert await case.sql("SELECT 1 FROM runtime.effects WHERE undone_at IS NOT NULL") != []
    assert await case.take_back("a", "crm")
    await case.deliver()
    assert await case.in_use("crm") is None


async def test_a_version_that_somebody_published_meanwhile_stays(case: Publishing) -> None:
    first, _, third = [await case.publish(name) for name in ("a", "b", "c")]
    await case.take_back("b", "crm")
    await case.deliver()
    assert await case.in_use("crm") == third
    row = await case.one("SELECT why, in_use FROM forecasting.sendings WHERE change_id = 'b/1/crm'")
    assert (row["why"], row["in_use"]) == ("a newer version stays", third)
    await case.take_back("c", "crm")  # and gives back what stood before, not what was taken back itself
    await case.deliver()
    assert await case.in_use("crm") == first


async def test_an_undo_that_comes_first_keeps_the_version_out(case: Publishing) -> None:
    first = await case.publish("a")
    await case.open("b")
    version = (await case.compose("b"))["published_version"]
    await case.hand_over("crm", "b/1/crm", version, undo=True)
    for _ in range(2):  # for instance a dead letter that is sent again
        await case.hand_over("crm", "b/1/crm", version)
    assert await case.in_use("crm") == first


async def test_the_same_change_at_the_same_moment_is_applied_once(case: Publishing) -> None:
    await case.open("a")
    version = (await case.compose("a"))["published_version"]
    await asyncio.gather(*(case.hand_over("crm", "a/1/crm", version) for _ in range(8)))
    assert len(await case.sql("SELECT 1 FROM crm.forecast_changes")) == 1


async def test_a_payload_that_is_not_ours_is_refused(case: Publishing) -> None:
    delivery = wiring.deliveries(case.resources)["crm.forecast"]
    with pytest.raises(PermanentError, match="names no version"):
        await delivery(OutboxRow(1, "crm.forecast", "a", "c", {}, 0))
    with pytest.raises(PermanentError, match="not stored any more"):
        await delivery(OutboxRow(1, "crm.forecast", "a", "c", {"change_id": "a/1/crm", "version": "a.1"}, 0))


async def test_a_withdrawal_takes_back_what_a_cancelled_job_had_sent(case: Publishing) -> None:
    """As `settle_withdrawal` does for jobs that were interrupted: by the handlers, from what was recorded."""
    from workers.runtime import discovery, unit  # noqa: PLC0415 - the runtime's own way to undo
    from workers.runtime.work import JobInfo  # noqa: PLC0415

    first = await case.publish("a")
    await case.publish("b")
    spec = discovery.find("forecast_review.restore_forecast")
    async with case.resources.pool.connection() as connection:
        for target in ("crm", "erp"):
            job = JobInfo(spec.job_type, "x", "b", f"1/{target}", 1, 1, 1, 1)
            await unit.undo(spec, job, case.resources, discovery.ROOT, connection)
    await case.deliver()
    assert (await case.in_use("crm"), await case.in_use("erp")) == (first, first)


async def test_everybody_is_told_and_the_review_ends(case: Publishing) -> None:
    await case.open("a")
    facts = await case.compose("a")
    result = await case.run("announce_forecast", forecast_id="a", organisation=ORGANISATION, release_facts=facts)
    assert result == {"announced_to": 2}
    mail = (await case.one("SELECT payload FROM runtime.outbox WHERE channel = 'mail'"))["payload"]
    assert mail["to"] == ["fin@example.com", "ops@example.com"]
    assert mail["subject"] == "New forecast: Shops"
    assert "Nobody changed what the models said." in mail["text"]
    assert "/forecasts/a.1?until=" in mail["text"]
    review = await case.one("SELECT state, closed_at FROM forecasting.reviews")
    assert (review["state"], review["closed_at"]) == ("published", case.clock())
