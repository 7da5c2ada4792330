"""Sample opportunities: they follow from the seed, are in the CRM, and a win model is learnt from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from workers.cli.opportunities import app
from workers.runtime.database import Pool
from workers.sample.loading import load
from workers.sample.opportunities import CLOSED, OPEN, opportunities
from workers.sample.organisation import organisation
from workers.sample.selling import load_selling
from workers.settings import get_settings

TODAY = dt.date(2026, 3, 2)


@pytest.fixture
def settings_of_test(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_they_follow_from_the_seed() -> None:
    accounts = organisation(1, TODAY).accounts
    deals = opportunities(1, accounts, TODAY)
    assert deals == opportunities(1, accounts, TODAY)
    assert deals != opportunities(2, accounts, TODAY)
    closed = [deal for deal in deals if deal.closed_at is not None]
    assert (len(closed), len(deals) - len(closed)) == (CLOSED, OPEN)
    assert 0.35 < sum(bool(deal.won) for deal in closed) / CLOSED < 0.45
    for deal in deals:
        moments = [*(moment.taken_at for moment in deal.snapshots), deal.now.taken_at]
        assert moments == sorted(moments)
        assert deal.opened_at <= deal.now.stage_since <= deal.now.taken_at


async def test_they_are_loaded_and_learnt_from(pool: Pool) -> None:
    await load(pool, 1, TODAY)
    async with pool.connection() as connection:
        sold = await load_selling(connection, 1, TODAY)
    async with pool.connection() as connection:
        assert await load_selling(connection, 1, TODAY) == sold, "may be repeated"
        cursor = await connection.execute("SELECT count(*) AS n FROM crm.opportunities WHERE closed_at IS NULL")
        assert (await cursor.fetchone() or {})["n"] == sold.open == OPEN


def test_the_model_is_trained_by_command(dsn: str, settings_of_test: None) -> None:
    run = CliRunner().invoke
    failed = run(app, ["train"])
    assert (failed.exit_code, "snapshots of 0 closed opportunities" in failed.stderr) == (1, True)
    failed = run(app, ["card"])
    assert (failed.exit_code, "fairlead opportunities train" in failed.stderr) == (1, True)
    failed = run(app, ["rank", "nobody"])
    assert (failed.exit_code, failed.stderr.strip()) == (1, "There is no organisation nobody that sells.")
