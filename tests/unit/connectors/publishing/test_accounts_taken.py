"""`fairlead connect accounts`: the accounts of a CRM become those that territories are planned with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner, Result

from tests.unit.connectors.publishing.markets import HubSpotMarket, Market, SalesforceMarket
from workers.__main__ import build
from workers.settings import get_settings

Run = Callable[..., Result]


@pytest.fixture
def run(market: Market, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    name = "salesforce" if isinstance(market, SalesforceMarket) else "hubspot"
    settings = getattr(market.resources.settings, name)
    given = {"base_url": settings.base_url, "trusted_hosts": '["127.0.0.1"]'}
    secrets = ("access_token",) if name == "hubspot" else ("client_id", "client_secret")
    for key in secrets:
        value = getattr(settings, key)
        given[key] = value if isinstance(value, str) else value.get_secret_value()
    for key, value in given.items():
        monkeypatch.setenv(f"FAIRLEAD_{name.upper()}__{key.upper()}", value)
    get_settings.cache_clear()
    yield lambda *options: CliRunner().invoke(build(["connect"]), ["connect", "accounts", name, *options])
    get_settings.cache_clear()


async def test_accounts_are_taken_with_their_reps_and_a_second_time_replace_the_first(
    market: Market, run: Run, dsn: str
) -> None:
    if isinstance(market, HubSpotMarket):
        steel = market.company("ana", annualrevenue="5000.5", industry="STEEL", state="Hesse")
    else:
        steel = market.company("ana", AnnualRevenue=5000.5, Industry="STEEL", BillingState="Hesse", BillingLatitude=50.1,
                               BillingLongitude=8.6)  # fmt: skip
    bens = market.company("ben")
    foreign = market.company("zoe")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, row_factory=dict_row) as connection:

        async def rows() -> dict[str, dict[str, object]]:
            cursor = await connection.execute("SELECT * FROM territories.accounts WHERE organisation = 'north'")
            return {row["account"]: row for row in await cursor.fetchall()}

        async def told(*options: str) -> Result:
            return await asyncio.to_thread(run, "--organisation", "north", *options)

        assert "no organisation north" in (await told()).stderr
        await connection.execute("INSERT INTO territories.organisations (id, name) VALUES ('north', 'North')")
        assert "2 accounts would be taken; 1 of others" in (await told("--dry-run")).stdout
        assert await rows() == {}
        assert (await told()).exit_code == 0
        found = await rows()
        assert found.keys() == {steel, bens}
        assert (found[steel]["owner"], found[steel]["potential"], found[steel]["industry"], found[steel]["region"]) == (
            "ana", 5000.5, "STEEL", "Hesse",
        )  # fmt: skip
        assert (found[steel]["latitude"] is None) is isinstance(market, HubSpotMarket)
        assert (found[bens]["potential"], found[bens]["region"]) == (None, "")
        assert (await told("--all")).exit_code == 0
        assert (await rows())[foreign]["owner"] == ""
        market.fail("502")
        refused = await told()
        assert "Nothing was changed" in refused.stderr
        assert len(await rows()) == 3
