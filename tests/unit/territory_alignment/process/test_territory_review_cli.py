from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from workers.cli.territory import app
from workers.settings import get_settings
from workers.territory_alignment.loading import load_sample

run = CliRunner().invoke
ACCOUNTS = (
    "account;latitude;longitude;potential;workload;owner;region;key_account\n"
    "A1;52.5;8.0;1000;10;R1;north;yes\nA2;;8.1;-5;20;R2;south;\n"
)
REPS = (
    "rep;name;email;region;latitude;longitude;capacity\nR1;Ann;ann@x.example;north;52;8;1500\nR2;Bea;;south;48;8;1500\n"
)


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


def said(*arguments: str, code: int = 0) -> str:
    done = run(app, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    texts = {
        "accounts": ACCOUNTS,
        "reps": REPS,
        "rules": "rule,account,rep\nlocked,A1,R1\n",
        "regions": "region,manager,email\nnorth,mona,mona@x.example\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return [part for name in texts for part in (f"--{name}", str(tmp_path / f"{name}.csv"))]


def test_an_organisation_is_loaded_as_it_came_and_loaded_again(files: list[str]) -> None:
    told = said(
        *("load", "north", *files, "--name", "The north", "--currency", "EUR", "--timezone", "Europe/Berlin"),
        *("--holidays", "DE", "--weights", "travel=2", "--seconds", "5", "--target", "crm"),
        *("--people", "sales-ops=a@x.example", "--people", "sales-ops=b@x.example"),
    )
    assert "The north (north): 2 accounts, 2 reps and 1 rules are stored." in told
    (row,) = sql("SELECT * FROM territories.organisations")
    assert (row["currency"], row["timezone"], row["holidays"], row["seconds"]) == ("EUR", "Europe/Berlin", "DE", 5)
    assert (row["weights"]["travel"], row["targets"]) == (2, ["crm"])
    assert row["people"] == {"sales-ops": ["a@x.example", "b@x.example"]}
    accounts = sql("SELECT * FROM territories.accounts ORDER BY place")
    assert [(one["latitude"], one["potential"], one["key_account"]) for one in accounts] == [
        (52.5, 1000, True),
        (None, -5, False),
    ]
    assert sql("SELECT region, manager FROM territories.regions ORDER BY region") == [
        {"region": "north", "manager": "mona"},
        {"region": "south", "manager": ""},
    ]
    said("load", "north", *files)
    assert sql("SELECT name, seconds FROM territories.organisations") == [{"name": "The north", "seconds": 5}]
    assert sql("SELECT count(*) FROM territories.accounts") == [{"count": 2}]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["load", "North!"], "cannot be an organisation's id"),
        (["load", "north", "--target", "erp"], "there is no target erp"),
        (["load", "north", "--timezone", "Mars/Base"], "Mars/Base"),
        (["load", "north", "--people", "sales-ops"], "sales-ops=ops@example.com"),
        (["load", "north", "--weights", "luck=1"], "is no weight"),
    ],
)
def test_what_cannot_be_loaded_says_why(files: list[str], options: list[str], told: str) -> None:
    assert told in said(*options, *files, code=1)
    assert sql("SELECT FROM territories.organisations") == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("accounts", ACCOUNTS.replace("1000", "much"), "accounts.csv, row 2: potential is 'much', not a number"),
        ("reps", REPS.replace("R2", "R1"), "the rep 'R1' is there twice"),
        ("regions", None, "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_say_where(
    files: list[str], tmp_path: Path, name: str, text: str | None, told: str
) -> None:
    file = tmp_path / f"{name}.csv"
    file.unlink() if text is None else file.write_text(text)
    assert told in said("load", "north", *files, code=1)


def test_an_alignment_is_asked_for_shown_and_withdrawn(files: list[str]) -> None:
    said("load", "north", *files)
    assert "There is no alignment yet" in said("review", "list")
    told = said("review", "start", "north", "--reason", "rep_left", "--leaves", "R2", "--from", "2027-01-01")
    alignment_id = told.split()[2]
    (row,) = sql("SELECT payload FROM runtime.outbox")
    variables = row["payload"]["variables"]
    assert (variables["alignment_id"], variables["leaving"]) == (alignment_id, "R2")
    assert f"No alignment {alignment_id} was opened" in said("review", "show", alignment_id, code=1)
    for arguments, why in (
        (["nowhere"], "There is no organisation nowhere"),
        (["north", "--reason", "rep_joined"], "Say who it is"),
        (["north", "--from", "soon"], "is no day"),
    ):
        assert why in said("review", "start", *arguments, code=1)
    sql(
        "INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, opened_at)"
        " VALUES (%s, 'north', 'rep_left', 'ana', now())",
        alignment_id,
    )
    sql(
        "INSERT INTO territories.looks VALUES (%s, '1/x/1', 'x', 'plan', 'refuse', 'sam', 'Two are ill.', now())",
        alignment_id,
    )
    assert "is under way" in said("review", "start", "north", code=1)
    assert alignment_id in said("review", "list", "--organisation", "north")
    assert "Two are ill." in said("review", "show", alignment_id)
    assert json.loads(said("review", "show", alignment_id, "--json"))["line"]["state"] == "open"
    assert "is asked for" in said("review", "withdraw", alignment_id, "--why", "wrong data")
    assert "was asked for before" in said("review", "withdraw", alignment_id, "--why", "wrong data")
    assert "There is no alignment none" in said("review", "withdraw", "none", "--why", "late", code=1)
    assert "There is no version yet" in said("history", "north")


async def test_the_sample_can_be_aligned_and_takes_no_leads(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
        for _ in range(2):
            assert (await load_sample(connection)).id == "sample_north"
    (count,) = sql(
        "SELECT count(*) AS all, count(*) FILTER (WHERE a.owner_id IS NOT DISTINCT FROM nullif(t.owner, '')) AS same"
        " FROM territories.accounts t JOIN crm.accounts a ON a.id = t.account"
    )
    assert count == {"all": 160, "same": 160}
    reps = sql("SELECT r.active, r.territories FROM routing.reps r JOIN territories.reps t ON t.rep = r.id")
    assert len(reps) == 8
    assert {(row["active"], *row["territories"]) for row in reps} == {(False, "north_west"), (False, "north_east")}
