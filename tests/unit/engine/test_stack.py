"""Starting in order, watching and stopping, by the real supervisord with small programs instead of engines."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from workers.engine import readiness
from workers.engine.errors import DiskFullError, EngineError, PortBusyError, StartError
from workers.engine.ports import addresses, free_port
from workers.engine.programs import Program
from workers.engine.stack import Stack
from workers.settings import Settings

pytestmark = pytest.mark.slow  # each starts a supervisor

SERVE = "import http.server,sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()"


def server(name: str, phase: int, port: int, code: str = SERVE, **more: object) -> Program:
    return Program(
        name=name,
        title=name.title(),
        phase=phase,
        command=lambda: (sys.executable, "-c", code, str(port)),
        ready=partial(readiness.http_ok, f"http://127.0.0.1:{port}/"),
        ports={"gateway": port},
        start_seconds=20,
        environment={"HUNDRED": '100% "quoted"'},
        **more,  # type: ignore[arg-type]  # fields of the dataclass, by name
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # A path with a space, and too long for a Unix socket: both happen on people's machines.
    return Settings(home=tmp_path / "a home" / ("x" * 90))


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    found = Stack(settings, [server("first", 1, free_port()), server("second", 2, free_port())])
    yield found
    found.down()


class Said:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, what: str, _seconds: float) -> None:
        self.lines.append((name, what.partition(":")[0]))


async def test_phases_start_in_order_and_down_ends_all(stack: Stack) -> None:
    said, hooks = Said(), list[int]()

    async def hook(phase: int) -> None:
        hooks.append(phase)

    await stack.up(said, after={1: partial(hook, 1), 3: partial(hook, 3)})
    order = [line for line in said.lines if line[1] in {"starting", "ready"}]
    assert order == [("first", "starting"), ("first", "ready"), ("second", "starting"), ("second", "ready")]
    assert hooks == [1, 3]
    found = await stack.health()
    assert all(one.problem is None for one in found)
    assert all(one.memory_bytes for one in found)
    started = stack.supervisor.pids()
    assert {ip for ips in addresses(started).values() for ip in ips} == {"127.0.0.1"}

    assert stack.down()
    assert not [pid for pid in started if psutil.pid_exists(pid)]
    assert not stack.down()


async def test_a_second_up_leaves_alone_what_runs_and_starts_what_does_not(stack: Stack) -> None:
    await stack.up(Said())
    before = stack.supervisor.states()
    stack.supervisor.stop("second")
    assert [one.problem for one in await stack.health()] == [None, "it is stopped"]
    said = Said()
    await stack.up(said)
    assert ("first", "runs already") in said.lines
    assert ("second", "ready") in said.lines
    assert stack.supervisor.states()["first"].pid == before["first"].pid


async def test_a_killed_program_comes_back(stack: Stack) -> None:
    await stack.up(Said())
    killed = stack.supervisor.states()["first"].pid
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while stack.supervisor.states()["first"].pid in {0, killed} or (await stack.health(["first"]))[0].problem:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_program_that_dies_is_told_with_its_last_lines_and_nothing_stays(settings: Settings) -> None:
    dies = server("second", 2, free_port(), "raise SystemExit('rror: no luck today')")
    stack = Stack(settings, [server("first", 1, free_port()), dies])
    with pytest.raises(StartError, match=r"Second died while starting.*\n.*no luck today"):
        await stack.up(Said())
    assert not stack.supervisor.running()


async def test_a_busy_port_stops_before_anything_starts(stack: Stack, settings: Settings) -> None:
    await stack.up(Said())
    other = Stack(Settings(home=settings.home.parent / "other"), stack.programs)
    with pytest.raises(PortBusyError, match=r"held by python.*FAIRLEAD_PORTS__GATEWAY"):
        await other.up(Said())
    assert not other.supervisor.running()


async def test_too_little_room_stops_before_anything_starts(settings: Settings) -> None:
    # Needs more than any disk has: the check is real.
    stack = Stack(settings, [server("first", 1, free_port(), disk_bytes=10**18)])
    try:
        with pytest.raises(DiskFullError, match=r"MB are needed.*FAIRLEAD_HOME"):
            await stack.up(Said())
        assert not stack.supervisor.running()
    finally:
        stack.down()


async def test_two_ups_at_once_are_refused(stack: Stack) -> None:
    async def another() -> None:
        with pytest.raises(EngineError, match="Another `fairlead up`"):
            await stack.up(Said())

    await stack.up(Said(), after={1: another})
    assert all(one.problem is None for one in await stack.health())


async def test_down_while_it_starts_is_said(settings: Settings) -> None:
    # A signal that comes before the new process is the program's own is lost, and then this is waited for.
    slow = server("slow", 1, free_port(), "import time; time.sleep(600)", stop_seconds=2)
    stack = Stack(settings, [slow])

    def taken_down(_name: str, what: str, _seconds: float) -> None:
        if what.startswith("waiting"):
            stack.down()

    with pytest.raises(StartError, match="stopped while Slow was starting"):
        await stack.up(taken_down)
    assert not stack.supervisor.running()
