"""`fairlead webhooks …` as a person types it, on a real database."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.connectors.outgoing.conftest import happen, rows
from workers.cli.webhooks import app
from workers.connectors.webhooks import standard_key
from workers.runtime.database import Pool
from workers.settings import get_settings

ADDRESS = "http://127.0.0.1:9/in"


@pytest.fixture(autouse=True)
def _settings(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path))
    monkeypatch.setenv("FAIRLEAD_WEBHOOKS_OUT__TRUSTED_HOSTS", '["127.0.0.1"]')
    monkeypatch.setenv("FAIRLEAD_WEBHOOKS_OUT__SECRETS", '{"ours": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}')
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


async def webhooks(*arguments: str) -> Result:
    """Run it in a thread, as the command has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


def secret_in(text: str) -> str:
    (found,) = re.findall(r"whsec_\S+", text)
    standard_key(found)
    return str(found)


async def test_from_the_first_subscription_to_its_end(pool: Pool) -> None:
    assert "Nobody is told" in (await webhooks("list")).stdout
    added = await webhooks("add", "erp", ADDRESS, "--type", "fairlead.assigned", "--type", "fairlead.accepted")
    first = secret_in(added.stdout)
    listed = await webhooks("list", "--json")
    assert first not in listed.stdout
    (one,) = json.loads(listed.stdout)
    assert (one["types"], one["enabled"]) == (["fairlead.accepted", "fairlead.assigned"], True)
    await happen(pool, "lead-1", "received", "assigned")
    assert len(await rows(pool, "SELECT FROM runtime.outbox")) == 1
    assert "No attempts." in (await webhooks("attempts", "erp")).stdout
    assert secret_in((await webhooks("rotate", "erp")).stdout) != first
    assert "1 that waited" in (await webhooks("disable", "erp", "--why", "They move.")).stdout
    assert "off: They move." in " ".join((await webhooks("list")).stdout.split())
    assert (await webhooks("replay", "erp", "--since", "2026-01-01")).exit_code == 1
    await webhooks("enable", "erp")
    assert "1 events" in (await webhooks("replay", "erp", "--since", "2026-01-01")).stdout
    assert "removed; 1" in (await webhooks("remove", "erp")).stdout


async def test_secrets_of_the_settings_are_not_shown_nor_replaced() -> None:
    added = await webhooks("add", "ours", ADDRESS)
    assert added.exit_code == 0
    assert "whsec_" not in added.output
    refused = await webhooks("rotate", "ours")
    assert (refused.exit_code, "FAIRLEAD_WEBHOOKS_OUT__SECRETS" in refused.output) == (1, True)


async def test_what_can_not_be_is_said() -> None:
    for arguments, why in (
        (("add", "erp", "http://10.0.0.1/"), "FAIRLEAD_WEBHOOKS_OUT__TRUSTED_HOSTS"),
        (("add", "ERP", ADDRESS), "small letters"),
        (("replay", "erp"), "either --since, or --id"),
        (("replay", "erp", "--id", "timeline:1"), "no subscription erp"),
        (("disable", "erp", "--why", "x"), "no subscription erp"),
    ):
        result = await webhooks(*arguments)
        assert (result.exit_code, why in " ".join(result.output.split())) == (1, True), result.output
