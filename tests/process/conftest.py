"""Process tests: every path of every diagram, on Camunda's own engine in memory, with time travel.

Each test has an engine and a database of its own. What the engine saw is collected over all tests for the coverage
report, which `test_zz_coverage` holds at 100 %.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.process.building import open_building
from tests.process.house import House
from workers.engine.embedded import EmbeddedEngine

PROCESSES = [file.stem for file in sorted(Path("bpmn").glob("*.bpmn"))]


@dataclass
class Seen:
    """Elements completed and flows taken in all tests of the session, by process."""

    elements: dict[str, set[str]] = field(default_factory=lambda: {process: set() for process in PROCESSES})
    flows: dict[str, set[str]] = field(default_factory=lambda: {process: set() for process in PROCESSES})
    tests: int = 0
    report: dict[str, str] = field(default_factory=dict)


SEEN = Seen()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SEEN.tests:
        terminalreporter.section("coverage of diagrams")
        for line in SEEN.report.values() or ["not judged, as not all process tests ran and passed"]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def seen() -> Seen:
    return SEEN


@pytest.fixture
def engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine() as running:
        yield running
        for process in PROCESSES:
            SEEN.elements[process] |= running.completed_elements(process)
            SEEN.flows[process] |= running.taken_flows(process)
        SEEN.tests += 1


@pytest.fixture
def dsn(postgres: str, database_with_model: str, copy_database: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """DSN of a fresh database with a trained scorer."""
    yield from copy_database(database_with_model)


@pytest.fixture
async def house(engine: EmbeddedEngine, dsn: str) -> AsyncIterator[House]:
    """A house with one territory (dach, manager Mona) and two reps, ana and ben, always at work; all tasks served."""
    async with open_building(House, engine, dsn) as opened:
        await furnish(opened)
        await opened.serve()
        yield opened


@pytest.fixture
async def quiet_house(engine: EmbeddedEngine, dsn: str) -> AsyncIterator[House]:
    """Like `house`, but no task is served until the test says so."""
    async with open_building(House, engine, dsn) as opened:
        await furnish(opened)
        yield opened


async def furnish(house: House) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO routing.territories (id, name, timezone, holidays, manager_name, manager_email)"
            " VALUES ('dach', 'DACH', 'UTC', 'US', 'Mona', 'mona@fairlead.example')"
        )
    await house.rep("ana")
    await house.rep("ben")
