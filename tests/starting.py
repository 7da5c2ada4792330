"""Waits for a program of a test to be up."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

LOOK_SECONDS = 0.1
TOLD = 3_000
"""Characters of what it said last that a failure shows."""


def until_up(up: Callable[[], bool], runs: Callable[[], bool], said: Path, seconds: float) -> None:
    """Look until it is up; the test fails with what it said if it ended (`runs`), or is not up in so many seconds."""
    deadline = time.monotonic() + seconds
    while not up():
        last = said.read_text(errors="replace")[-TOLD:]
        assert runs(), last
        assert time.monotonic() < deadline, last
        time.sleep(LOOK_SECONDS)
