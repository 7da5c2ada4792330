"""`fairlead connect import`, `reconcile` and `report`, as docs/sync.md has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest
from typer.testing import CliRunner, Result

from tests.simulators.hubspot.serving import Simulated, served
from workers.__main__ import build
from workers.settings import get_settings

Run = Callable[..., Result]


@pytest.fixture
def hubspot() -> Iterator[Simulated]:
    with served() as simulated:
        simulated.account.prepare()
        owner = simulated.account.owner("zoe@example.com", "Zoe", "Stone")
        for one in range(3):
            values = {"email": f"p{one}@acme.es", "lastname": "Ruiz", "company": "Acme", "hubspot_owner_id": owner}
            simulated.account.create("contacts", values)
        yield simulated


@pytest.fixture
def run(hubspot: Simulated, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    monkeypatch.setenv("FAIRLEAD_CRM", "hubspot")
    monkeypatch.setenv("FAIRLEAD_HUBSPOT__BASE_URL", hubspot.url)
    monkeypatch.setenv("FAIRLEAD_HUBSPOT__TRUSTED_HOSTS", '["127.0.0.1"]')
    monkeypatch.setenv("FAIRLEAD_HUBSPOT__ACCESS_TOKEN", hubspot.door.token)
    get_settings.cache_clear()
    yield lambda *given: CliRunner().invoke(build(["connect"]), ["connect", *given])
    get_settings.cache_clear()


def test_the_guide(run: Run, hubspot: Simulated, dsn: str) -> None:
    assert "3 taken" in run("import", "hubspot", "--dry-run").output
    assert "3 too old" in run("import", "hubspot", "--since", "2099-01-01").output
    done = run("import", "hubspot")
    assert done.exit_code == 0, done.output
    hubspot.account.edit("contacts", "101", phone="+34612345678")
    assert "1 different" in run("reconcile", "hubspot", "--dry-run").output
    hubspot.door.faults = ["429_daily"]
    parked = run("reconcile", "hubspot")
    assert parked.exit_code == 1
    assert "goes on from there" in parked.output
    assert "1 different" in run("reconcile", "hubspot").output
    shown = run("report", "hubspot").output
    assert "phone" in shown
    assert "+34612345678" not in shown
    [told] = json.loads(run("report", "hubspot", "--json").output)
    assert told["differences"][0]["became"] == "ours follows"
    with psycopg.connect(dsn) as connection:
        phones = connection.execute("SELECT lead->>'phone' FROM routing.leads WHERE external_id = '101'").fetchone()
    assert phones == ("+34612345678",)


def test_a_system_that_is_none_and_one_without_a_token(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("import", "pipedrive").exit_code == 2
    monkeypatch.delenv("FAIRLEAD_HUBSPOT__ACCESS_TOKEN")
    monkeypatch.setenv("FAIRLEAD_CRM", "postgresql")
    get_settings.cache_clear()
    refused = run("reconcile", "hubspot")
    assert refused.exit_code == 1
    assert "FAIRLEAD_HUBSPOT__ACCESS_TOKEN" in refused.output
