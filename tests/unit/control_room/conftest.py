"""The read model on a real database, fed from a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.control_room.engine_log import EngineLog
from workers.control_room.following import Follower
from workers.runtime.database import Pool


@pytest.fixture
def log() -> EngineLog:
    return EngineLog(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6))


@pytest.fixture
def follower(pool: Pool, log: EngineLog) -> Follower:
    return Follower(pool, log, gap_seconds=0.0)
