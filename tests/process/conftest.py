"""Process tests: every path of every diagram, on Camunda's own engine in memory or in a container, with time travel.

Each test has an engine and a database of its own. What the engine saw is collected over all tests for the coverage
report, which `test_zz_coverage` holds at 100 %.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.process.building import open_building
from tests.process.house import House
from tests.process.judging import deviations
from tests.process.planning import FITTED, LONG, Planning, redrawn, texas
from tests.process.territories import Territories
from workers.engine.driven import DrivenEngine, Engines
from workers.engine.embedded import EmbeddedEngine

PROCESSES = [file.stem for file in sorted(Path("bpmn").glob("*.bpmn"))]


@dataclass
class Seen:
    """Elements completed and flows taken in all tests of the session, by process."""

    elements: dict[str, set[str]] = field(default_factory=lambda: {process: set() for process in PROCESSES})
    flows: dict[str, set[str]] = field(default_factory=lambda: {process: set() for process in PROCESSES})
    deviations: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: {process: [] for process in PROCESSES})
    """What instances that ended did and their diagram does not allow, as the control room judges."""
    tests: int = 0
    report: dict[str, str] = field(default_factory=dict)


SEEN = Seen()


REPORT: list[str] = []
"""What is said of it at the end, also where pytest-xdist has the tests run in processes of their own."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    report = [*SEEN.report.values()] or ["not judged, as not all process tests ran and passed"] * (SEEN.tests > 0)
    REPORT.extend(report)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["diagrams"] = report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    REPORT.extend(getattr(node, "workeroutput", {}).get("diagrams", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if REPORT:
        terminalreporter.section("coverage of diagrams")
        for line in REPORT:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def seen() -> Seen:
    return SEEN


@pytest.fixture(scope="session")
def engines(pytestconfig: pytest.Config) -> Iterator[Engines]:
    """Gives engines with nothing in them, in memory or (`--engine=container`) each in a container."""
    if pytestconfig.getoption("engine") == "container":
        from tests.containers.engine import engines  # noqa: PLC0415 - who runs no containers needs no Docker

        with engines() as opened:
            yield opened
    else:
        yield EmbeddedEngine


@pytest.fixture
def engine(engines: Engines) -> Iterator[DrivenEngine]:
    with engines() as running:
        yield running
        for process in PROCESSES:
            SEEN.elements[process] |= running.completed_elements(process)
            SEEN.flows[process] |= running.taken_flows(process)
        for process, found in deviations(running.records(), placed=True).items():
            SEEN.deviations.setdefault(process, []).extend(found)
        SEEN.tests += 1


@pytest.fixture
def dsn(postgres: str, database_with_model: str, copy_database: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """DSN of a fresh database with a trained scorer."""
    yield from copy_database(database_with_model)


@pytest.fixture
async def house(engine: DrivenEngine, dsn: str) -> AsyncIterator[House]:
    """A house with one territory (dach, manager Mona) and two reps, ana and ben, always at work; all tasks served."""
    async with open_building(House, engine, dsn) as opened:
        await furnish(opened)
        await opened.serve()
        yield opened


@pytest.fixture
async def quiet_house(engine: DrivenEngine, dsn: str) -> AsyncIterator[House]:
    """Like `house`, but no task is served until the test says so."""
    async with open_building(House, engine, dsn) as opened:
        await furnish(opened)
        yield opened


@pytest.fixture(scope="session")
def quick_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the project's diagrams, `forecast_review` with quick models."""
    return redrawn(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def database_with_forecast(postgres: str, template_database: str, quick_models: Path, engines: Engines) -> str:
    """Name of a database in which the review `FITTED` was worked on until its segments were listed, to copy from.

    A process that starts with that id on another engine gets the results of then for what was done once.
    """
    dsn = make_conninfo(postgres, dbname="fairlead_with_forecast")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE fairlead_with_forecast TEMPLATE {template_database}".encode())

    async def fit(running: DrivenEngine) -> None:
        async with open_building(Planning, running, dsn, quick_models) as opened:
            await opened.serve(but=["open_reviews"])
            await opened.organisation()
            await opened.sell(texas())
            await opened.start(FITTED)
            await opened.passed(FITTED, "list_reviews", within=LONG)

    with engines() as running:
        asyncio.run(fit(running))
    return "fairlead_with_forecast"


@pytest.fixture
async def fitted(
    engine: DrivenEngine,
    database_with_forecast: str,
    copy_database: Callable[[str], Iterator[str]],
    quick_models: Path,
) -> AsyncIterator[Planning]:
    """Sales planning where the review `FITTED` has come to its listed segments; no task is served yet."""
    copied = copy_database(database_with_forecast)
    async with open_building(Planning, engine, next(copied), quick_models) as opened:
        await opened.start(FITTED)
        yield opened
    next(copied, None)


@pytest.fixture
def planning_dsn(postgres: str, template_database: str, copy_database: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """DSN of a fresh database."""
    yield from copy_database(template_database)


@pytest.fixture
async def planning(engine: DrivenEngine, planning_dsn: str, quick_models: Path) -> AsyncIterator[Planning]:
    """Sales planning; no task is served until the test says so."""
    async with open_building(Planning, engine, planning_dsn, quick_models) as opened:
        yield opened


@pytest.fixture
async def territories(engine: DrivenEngine, planning_dsn: str) -> AsyncIterator[Territories]:
    """Sales territories; no task is served until the test says so."""
    async with open_building(Territories, engine, planning_dsn) as opened:
        yield opened


async def furnish(house: House) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO routing.territories (id, name, timezone, holidays, manager_name, manager_email)"
            " VALUES ('dach', 'DACH', 'UTC', 'US', 'Mona', 'mona@fairlead.example')"
        )
    await house.rep("ana")
    await house.rep("ben")
