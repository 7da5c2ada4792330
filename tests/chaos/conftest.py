"""A house as in the process tests: Camunda's engine in memory, real PostgreSQL, real workers, dispatcher and SMTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.process.conftest import dsn
from workers.engine.embedded import EmbeddedEngine

__all__ = ["dsn", "engine"]


@pytest.fixture
def engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine() as running:
        yield running
