"""Commands that need the database say what to do without it: one sentence, no traceback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from workers.__main__ import build
from workers.settings import get_settings

COMMANDS = (
    "leads list",
    "leads show lead-1",
    "leads withdraw lead-1 --why mistake",
    "sample load",
    "deploy",
    "db current",
    "ops audit",
    "scorer list",
    "bench lead-routing --use-running",
)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def fairlead(line: str) -> Result:
    return CliRunner().invoke(build(line.split()), line.split())


@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.usefixtures("away")
def test_a_database_that_is_away_is_told_with_the_cause(line: str) -> None:
    done = fairlead(line)
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    assert "can't be reached" in done.stderr
    assert "Connection refused" in done.stderr
    assert "fairlead up" in done.stderr


@pytest.mark.parametrize("line", ["leads list", "sample load", "ops audit", "scorer list"])
def test_an_empty_database_is_told(line: str, empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", empty_dsn)
    get_settings.cache_clear()
    done = fairlead(line)
    get_settings.cache_clear()
    assert done.exit_code == 1
    assert "fairlead db upgrade" in done.stderr
