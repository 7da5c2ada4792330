"""`fairlead ops …` and `fairlead heal …` as a person types it, on a real database."""

from __future__ import annotations

import asyncio
import getpass
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from tests.embedded_board import HEALING_RULES
from tests.unit.operations.conftest import bury, eventually, rows
from workers.cli.heal import app as of_healing
from workers.cli.ops import app as of_operators
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.settings import get_settings


@pytest.fixture(autouse=True)
def _settings(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    monkeypatch.setenv("FAIRLEAD_ZEEBE__REST_ADDRESS", "http://127.0.0.1:1")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
async def rules(engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that has self-healing's table."""
    monkeypatch.setenv("FAIRLEAD_ZEEBE__ADDRESS", engine.address)
    get_settings.cache_clear()
    async with ZeebeClient(get_settings()) as client:
        await client.deploy(HEALING_RULES)


async def ops(*arguments: str, typed: str = "", group: str = "ops") -> Result:
    """Run it in a thread, as the command has an event loop of its own."""
    app = {"ops": of_operators, "heal": of_healing}[group]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, typed)


async def test_dead_letters_are_listed_and_chosen(pool: Pool) -> None:
    await bury(pool, "lead-1", 1, "The mail server refused the recipient (550).", channel="mail")
    await bury(pool, "lead-2", 1, "This change names no lead.")
    found = json.loads((await ops("dead-letters", "--json", "--channel", "mail")).stdout)
    assert [(one["business_id"], one["message"]) for one in found] == [
        ("lead-1", "The mail server refused the recipient (550).")
    ]
    table = (await ops("dead-letters", "--text", "NAMES no")).stdout
    assert "lead-2" in table
    assert "lead-1" not in table
    assert (await ops("dead-letters", "--older-than", "1h")).stdout == "No dead letters.\n"
    assert (await ops("dead-letters", "--older-than", "soon")).exit_code == 2


async def test_an_action_shows_asks_acts_and_is_recorded(pool: Pool) -> None:
    await bury(pool, "lead-1", 1, "Gave up.")
    await bury(pool, "lead-2", 1, "Gave up.")
    dry = await ops("dead-letters", "skip", "--case", "lead-1", "--why", "A test.", "--dry-run")
    assert "Would skip 1 dead letter. Nothing was done." in dry.stderr
    refused = await ops("dead-letters", "skip", "--case", "lead-1", "--why", "A test.", typed="n\n")
    assert refused.exit_code == 1
    assert len(await rows(pool, "SELECT FROM runtime.audit")) == 0
    done = await ops("dead-letters", "skip", "--case", "lead-1", "--why", "A test.", typed="y\n")
    assert done.exit_code == 0
    assert "Skip: 1 of 1 done." in done.stdout
    by_name = await ops("dead-letters", "retry", "--all", "--why", "Mended.", "--by", "bo", "--yes", "--json")
    assert [one["outcome"] for one in json.loads(by_name.stdout)] == ["done"]
    trail = json.loads((await ops("audit", "--json")).stdout)
    assert [(one["actor"], one["action"], one["business_id"], one["why"]) for one in trail] == [
        ("bo", "dead_letter.retry", "lead-2", "Mended."),
        (getpass.getuser(), "dead_letter.skip", "lead-1", "A test."),
    ]
    assert "lead-1" in (await ops("audit", "--action", "dead_letter.skip")).stdout
    assert "given up by" in (await ops("dead-letters", "--settled")).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--why", "x"], "Name keys or choose"),
        (["--all", "--why", " "], "Say why"),
        (["--all", "--why", "x", "--by", "policy:x"], "names of policies are taken"),
    ],
)
async def test_what_is_asked_carelessly_is_refused(arguments: list[str], said: str) -> None:
    result = await ops("dead-letters", "retry", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr


async def test_an_action_that_is_not_done_ends_with_1(pool: Pool) -> None:
    await bury(pool, "lead-1", 1, "Gave up.")
    await rows(pool, "INSERT INTO runtime.delivered VALUES ('crm.lead', 'lead-1/2', 'lead-1') RETURNING 1 AS one")
    result = await ops("dead-letters", "retry", "--all", "--why", "x", "-y")
    assert result.exit_code == 1
    assert "newer of this case went out since" in result.stdout


async def test_without_camunda_the_database_is_still_told(pool: Pool) -> None:
    await rows(pool, "INSERT INTO runtime.outbox (channel, business_id, external_id, payload, created_at)"
                     " VALUES ('mail', 'lead-1', 'a', '{}', now() - interval '1 hour') RETURNING 1 AS one")  # fmt: skip
    listed = await ops("stuck")
    assert "lead-1" in listed.stdout
    assert "Only what the database knows is shown." in listed.stderr
    incidents = await ops("incidents")
    assert incidents.exit_code == 1
    assert "does not answer" in incidents.stderr
    skipped = await ops("stuck", "skip", "--case", "lead-1", "--why", "Nobody reads it.", "-y")
    assert "1 of 1 done" in skipped.stdout


async def test_a_key_that_is_not_there_stops_the_action(pool: Pool) -> None:
    key = await bury(pool, "lead-1", 1, "Gave up.")
    result = await ops("dead-letters", "skip", str(key), "99", "--why", "x", "-y")
    assert result.exit_code == 1
    assert result.stderr == "Not among the dead letters that fit: 99. Nothing was done.\n"
    assert await rows(pool, "SELECT FROM runtime.audit") == []


async def test_self_healing_works_until_sigterm(pool: Pool, rules: None, unused_tcp_port: int) -> None:
    await bury(pool, "lead-1", 1, "Gave up after 20 tries. CrmDown: away")
    await rows(pool, "UPDATE runtime.dead_letters SET died_at = now() - interval '2 minutes' RETURNING 1 AS one")
    command = ("heal", "run", "--every", "1", "--metrics-port", str(unused_tcp_port))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "workers", *command, stderr=PIPE)
    try:

        async def sent_again() -> bool:
            return await rows(pool, "SELECT FROM runtime.dead_letters") == []

        await eventually(sent_again, "the dead letter to be tried again")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=60) as http:
            assert (await http.get("/readyz")).json() == {"ready": True, "working": True, "stopping": False}
            metrics = (await http.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        _, logged = await asyncio.wait_for(process.communicate(), 240)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, logged
    assert 'fairlead_healing_attempts_total{outcome="done",rule="transient-crm"} 1.0' in metrics


async def test_set_wants_json() -> None:
    result = await ops("incidents", "resolve", "1", "--set", "country=DE", "--why", "x")
    assert result.exit_code == 2
    assert "country=DE is not name=JSON" in result.stderr


async def test_one_round_says_what_it_did_and_a_dry_one_what_it_would(pool: Pool, rules: None) -> None:
    await bury(pool, "lead-1", 1, "Gave up after 20 tries. CrmDown: away")
    await rows(pool, "UPDATE runtime.dead_letters SET died_at = now() - interval '2 minutes' RETURNING 1 AS one")

    async def once(*more: str) -> tuple[list[dict[str, Any]], bytes]:
        # A process of its own, as it sets up logging.
        command = (sys.executable, "-m", "workers", "heal", "run", "--once", "--json", *more)
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        said, logged = await process.communicate()
        assert process.returncode == 0, logged
        return json.loads(said), logged

    ((report,), logged) = await once("--dry-run")
    assert b"healing_blind" in logged  # the engine in memory has no REST
    assert (report["rule"], report["would"], report["done"]) == ("transient-crm", 1, [])
    (shown,) = json.loads((await ops("show", "--json", group="heal")).stdout)
    assert shown["why"].startswith("Would be done now: ")
    assert "lead-1" in (await ops("show", group="heal")).stdout
    ((report,), _) = await once()
    assert [each["outcome"] for each in report["done"]] == ["done"]
    (entry,) = json.loads((await ops("history", "--json", group="heal")).stdout)
    assert (entry["actor"], entry["action"]) == ("policy:transient-crm", "dead_letter.retry")


async def test_the_switch_says_who_and_why(pool: Pool) -> None:
    assert (await ops("off", group="heal")).exit_code == 2  # why?
    off = await ops("off", "--why", "We move the CRM.", "--by", "ana", group="heal")
    assert "Self-healing is off, by ana" in off.stdout
    again = await ops("off", "--why", "Once more.", "--by", "ben", group="heal")
    assert again.exit_code == 1
    assert "it is off already, by ana" in again.stderr
    assert "off, by ana" in (await ops("show", group="heal")).stdout
    assert (await ops("on", "--why", "It is moved.", "--by", "policy:x", group="heal")).exit_code == 1
    assert (
        "Self-healing is on, by ben" in (await ops("on", "--why", "It is moved.", "--by", "ben", group="heal")).stdout
    )
    said = (await ops("history", group="heal")).stdout
    assert "healing.off" in said
    assert "We move the CRM." in said


async def test_a_database_that_is_away_or_empty_is_told(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", empty_dsn)
    get_settings.cache_clear()
    assert "fairlead db upgrade" in (await ops("audit")).stderr
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    get_settings.cache_clear()
    result = await ops("dead-letters")
    assert result.exit_code == 1
    assert "can't be reached" in result.stderr
