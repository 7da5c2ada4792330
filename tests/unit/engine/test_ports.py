"""Two stacks that start in the same second get different ports."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from workers.engine import ports
from workers.engine.errors import PortBusyError
from workers.engine.ports import free_port, reserve

RESERVE = """
import sys
from workers.engine.ports import reserve
print(reserve(map(int, sys.argv[1:])), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_RESERVED", [])


def test_a_port_is_reserved_for_one_process_and_as_long_as_it_lives() -> None:
    first, second = free_port(), free_port()
    command = [sys.executable, "-c", RESERVE, str(first), str(second)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert int(other.stdout.readline()) == first
        assert reserve([first, second]) == second
        with pytest.raises(PortBusyError, match="are held"):
            reserve([first, second])
        other.communicate()
    assert reserve([first]) == first


def test_a_port_in_use_is_not_reserved() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        busy, free = listening.getsockname()[1], free_port()
        assert reserve([busy, free]) == free
    assert reserve([busy]) == busy
