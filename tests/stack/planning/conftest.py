"""A stack on which forecasts, quotas, territories and lists of the day are worked on side by side.

It is traced: leads come last (`test_tracing`), and their traces are looked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.process.planning import redrawn
from tests.stack.browser import Tasklist, open_tasklist
from tests.stack.conftest import LocalStack, running_stack
from tests.stack.office import furnish

TRACED = {"FAIRLEAD_TRACING__EXPORTER": "zipkin", "FAIRLEAD_LOG_FORMAT": "json", "FAIRLEAD_LOG_LEVEL": "debug"}


@pytest.fixture(scope="package")
def planning_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running stack whose forecasts are made by quick models; all else is as it is."""
    folder = tmp_path_factory.mktemp("planning")
    models = {"FAIRLEAD_MODELS": str(redrawn(folder / "models"))}
    with running_stack(folder / "home", "--no-sample", **models, **TRACED) as stack:
        yield stack


@pytest.fixture(scope="package")
def sales_stack(planning_stack: LocalStack) -> LocalStack:
    """The same with the sample's sales organisation, which is always at work."""
    furnish(planning_stack)
    return planning_stack


@pytest.fixture
async def tasklist(planning_stack: LocalStack, tmp_path: Path) -> AsyncIterator[Tasklist]:
    """Tasklist in a real Chromium, with `demo` logged in."""
    async with open_tasklist(planning_stack.settings, tmp_path) as opened:
        await opened.log_in("demo", "demo")
        yield opened
