"""What the whole stack leaves alone. Comes last of the tests that share it, when everything in it has been at work."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import pytest

from tests.stack.conftest import LocalStack
from workers.engine import ports
from workers.engine.supervision import Supervisor

LOOPBACK = {"127.0.0.1", "::ffff:127.0.0.1", "::1"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_only_loopback_is_listened_on(local_stack: LocalStack) -> None:
    found = ports.addresses(Supervisor(local_stack.settings.home).pids())
    assert {port for one in local_stack.status()["programs"] for port in one["ports"].values()} <= set(found)
    assert {address for addresses in found.values() for address in addresses} <= LOOPBACK


def test_nothing_is_written_beside_home(local_stack: LocalStack) -> None:
    home = local_stack.settings.home
    written: set[Path] = set()
    for pid in Supervisor(home).pids():
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's come and go
            written |= {
                Path(file.path)
                for file in psutil.Process(pid).open_files()
                if file.mode in {"w", "a", "r+", "w+", "a+"}
            }
    assert written
    assert not [file for file in written if not file.is_relative_to(home) and not file.is_relative_to("/dev")]
    assert list(local_stack.user.rglob("*")) == [], "libraries like to leave files in the user's own folders"
