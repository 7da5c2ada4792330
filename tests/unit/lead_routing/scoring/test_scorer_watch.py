"""`fairlead scorer drift`, `check` and `list` on the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from workers.cli.scorer import DRIFTED, app
from workers.lead_routing.scoring.training import Trained
from workers.settings import get_settings

MakeLeads = Callable[..., list[dict[str, object]]]
run = CliRunner(env={"COLUMNS": "200"}).invoke
LEAD_FIELDS = ("source", "email", "channel", "country", "language", "industry", "product", "job_level", "attributes")
SCORER = "scorer:sales_leads"


@pytest.fixture
def connection(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    get_settings.cache_clear()
    with psycopg.connect(dsn, autocommit=True) as opened:
        yield opened
    get_settings.cache_clear()


def store(connection: psycopg.Connection, trained: Trained) -> None:
    connection.execute(
        "INSERT INTO routing.models (version, schema_name, card, artifact, active) VALUES (%s, %s, '{}', %s, true)",
        (trained.version, "sales_leads", trained.artifact),
    )


def note(connection: psycopg.Connection, action: str, **facts: object) -> None:
    connection.execute(
        "INSERT INTO runtime.timeline (business_id, actor, action, facts) VALUES (%s, 'test', %s, %s)",
        (SCORER, action, Jsonb(facts)),
    )


def test_drift_reads_recorded_outcomes(connection: psycopg.Connection, trained: Trained, make_leads: MakeLeads) -> None:
    assert "no active model" in run(app, ["drift"]).output
    store(connection, trained)
    done = run(app, ["drift"])
    assert (done.exit_code, "at least 100 recent rows with an outcome; there are 0" in done.output) == (1, True)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO routing.leads (lead_id, source, raw, lead, converted, received_at)"
            " VALUES (%s, 's', '{}', %s, %s, %s)",
            [
                (
                    lead["lead_id"],
                    Jsonb({name: lead[name] for name in LEAD_FIELDS}),
                    not lead["converted"],
                    lead["received_at"],
                )
                for lead in make_leads(300, seed=2)
            ],
        )
    done = run(app, ["drift", "--last", "200"])
    assert done.exit_code == DRIFTED, done.output
    assert f"200 recent rows against {trained.version}" in done.output
    assert "Scores miss the observed rate" in done.output
    assert "fairlead scorer retrain" in done.output
    assert connection.execute("SELECT FROM runtime.timeline").rowcount == 0


def test_a_check_is_asked_for_by_message(connection: psycopg.Connection, trained: Trained) -> None:
    done = run(app, ["check"])
    assert (done.exit_code, "no active model" in done.output) == (1, True)
    store(connection, trained)
    assert run(app, ["check"]).exit_code == 0
    (row,) = connection.execute("SELECT business_id, payload FROM runtime.outbox").fetchall()
    assert row[0] == SCORER
    assert (row[1]["name"], row[1]["correlation_key"]) == ("scorer_check_asked", "sales_leads")
    note(connection, "review_asked")
    assert "review of this scorer is open" in run(app, ["check"]).output
    note(connection, "reviewed", choice="keep")
    assert "review of this scorer is open" not in run(app, ["check"]).output


def test_the_list_says_what_the_last_check_found(connection: psycopg.Connection, trained: Trained) -> None:
    store(connection, trained)
    assert "not yet" in run(app, ["list"]).output
    facts: dict[str, object] = {
        "model_version": trained.version,
        "checked_at": "2026-11-21T03:00:00+00:00",
        "rows": 40,
        "label_rate": None,
        "calibration": None,
        "largest_psi": None,
    }
    note(connection, "drift_checked", **facts, enough=False, drifted=False)
    assert "2026-11-21: too few outcomes (40)" in run(app, ["list"]).output
    note(connection, "drift_checked", **facts, enough=True, drifted=True)
    assert "2026-11-21: can't be read" in run(app, ["list"]).output
    known = facts | {"label_rate": 0.31, "calibration": 0.131, "largest_psi": 0.41, "rows": 1000}
    note(connection, "drift_checked", **known, enough=True, drifted=True)
    shown = " ".join(run(app, ["list"]).output.split())
    assert "2026-11-21: DRIFT (ECE 0.131, largest PSI 0.41, 31% convert, 1,000 outcomes)" in shown
