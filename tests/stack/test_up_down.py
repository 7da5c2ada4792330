"""`make up`, `down`, `reset` and `fairlead up`, `status` on the real local engine, on free ports and in a fresh folder.

The tests of one module share a stack and run in order; each leaves it running, the last one removes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg
import pytest

from tests.containers.cluster import ClusterEngine, Doors
from tests.stack.conftest import START_SECONDS, LocalStack, new_stack
from workers.engine import ports
from workers.engine.errors import UnreachableError
from workers.engine.rest import CamundaRest
from workers.engine.supervision import Supervisor
from workers.runtime.zeebe import ZeebeClient

ROOT = Path(__file__).parents[2]
WAITING = ROOT / "tests" / "unit" / "engine" / "waiting.bpmn"
PATIENCE_SECONDS = 480.0
STOP_SECONDS = 180.0
ENGINE = {"postgres", "opensearch", "mail", "camunda", "task_door"}
T = TypeVar("T")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = new_stack(tmp_path_factory.mktemp("up") / "home", FAIRLEAD_CAMUNDA__CLOCK_CONTROLLED="true")
    try:
        make(stack, "up", "--detach", "--engine-only")
        yield stack
    finally:
        stack.fairlead("down")


def make(stack: LocalStack, target: str, *options: str) -> None:
    """`make …` with the packages that these tests run with; fails the test with its output if it does not succeed."""
    packages = Path(sys.prefix)
    # Nothing of a `make` that these tests may run below.
    environment = {name: value for name, value in stack.environment.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", f"--old-file={packages}/.ready", f"VENV={packages}", f"ARGS={' '.join(options)}", target],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def wait_until(condition: Callable[[], object], what: str, within: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"waited {within} s for {what}"
        time.sleep(0.5)


async def eventually(answer: Callable[[], Awaitable[T]], what: str, within: float = PATIENCE_SECONDS) -> T:
    deadline = time.monotonic() + within
    while True:
        with contextlib.suppress(UnreachableError):  # Camunda is too busy
            if found := await answer():
                return found
        assert time.monotonic() < deadline, f"waited {within} s for {what}"
        await asyncio.sleep(0.5)


def pids(stack: LocalStack) -> list[int]:
    return Supervisor(stack.settings.home).pids()


def test_up_makes_everything_ready(engine: LocalStack) -> None:
    wait_until(lambda: engine.status()["healthy"], "`fairlead status` to say so")
    status = engine.status()
    assert {one["name"] for one in status["programs"]} == ENGINE
    table = engine.fairlead("status")
    assert table.returncode == 0
    assert engine.settings.camunda_url in table.stdout
    held = {one["name"]: one["memory_bytes"] for one in status["programs"]}
    assert held["camunda"] > held["postgres"] > 0
    assert re.search(r"all +[\d,]+ MB", table.stdout)
    with psycopg.connect(engine.settings.dsn) as connection:
        version = connection.execute("SHOW server_version").fetchone()
    assert version is not None


def test_a_second_up_changes_nothing(engine: LocalStack) -> None:
    before = {one["name"]: one["pid"] for one in engine.status()["programs"]}
    said = engine.up("--engine-only")
    assert said.count("runs already") == len(ENGINE)
    _, _, table = said.partition("Everything is ready after")
    assert re.search(rf"Camunda +ready.* {engine.settings.camunda_url} +demo / demo", table), said
    assert {one["name"]: one["pid"] for one in engine.status()["programs"]} == before


async def test_rest_finds_and_completes_a_user_task(engine: LocalStack) -> None:
    async with ZeebeClient(engine.settings) as zeebe, CamundaRest(engine.settings) as rest:
        await zeebe.deploy({WAITING.name: WAITING.read_bytes()})
        key = await zeebe.start("waiting", {"lead": 1})

        async def task_key() -> int:
            found = await rest.user_tasks(process_instance_key=key, element_id="decide")
            return found[0].key if found else 0

        task = await eventually(task_key, "the user task in the search")
        await rest.assign_user_task(task, "demo")
        await rest.complete_user_task(task, {"answer": "yes"})

        async def ended() -> bool:
            found = await rest.process_instances("waiting", "COMPLETED")
            return key in {one.key for one in found}

        await eventually(ended, "the end of the instance in the search")
        assert await rest.incidents(key) == []


async def test_a_cluster_is_read_and_its_clock_moved_as_the_engine_in_memory_is(engine: LocalStack) -> None:
    """What `pytest --engine=container` stands on, but for user tasks: here people must log in."""
    at = "http://127.0.0.1:{}".format
    held = engine.settings.ports
    doors = Doors(
        grpc=engine.settings.zeebe_address,
        rest=at(held.camunda_http),
        management=at(held.camunda_management),
        records=at(held.opensearch),
        index_prefix=engine.settings.control_room.index_prefix,
    )
    async with ZeebeClient(engine.settings) as zeebe:
        await zeebe.deploy({WAITING.name: WAITING.read_bytes()})
        cluster = ClusterEngine(doors)
        try:
            keys = [await zeebe.start("waiting", {"lead": {"id": number}}) for number in range(3)]
            tasks = [cluster.open_user_tasks(key, "decide") for key in keys]  # at once, though the exporter gathers
            assert [task.variables for (task,) in tasks] == [{"lead": {"id": number}} for number in range(3)]
            await asyncio.to_thread(cluster.wait_for_idle)
            cluster.increase_time(timedelta(hours=2))
            await cluster.until(lambda: not any(map(cluster.open_user_tasks, keys)), "the timers")
            await asyncio.to_thread(cluster.wait_for_idle)
        finally:
            cluster.close()
    ended = {one.element_id: one.state for key in keys for one in cluster.elements(key)}
    assert (ended["decide"], ended["given_up"]) == ("ELEMENT_TERMINATED", "ELEMENT_COMPLETED")
    positions = [record["position"] for record in cluster.records()]
    assert positions == sorted(set(positions))


def test_a_killed_broker_comes_back(engine: LocalStack) -> None:
    killed = engine.pid("camunda")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: engine.pid("camunda") not in {0, killed}, "a new process")
    wait_until(lambda: asyncio.run(engine.healthy()), "the engine")
    wait_until(lambda: engine.status()["healthy"], "`fairlead status` to say so")


def test_up_repairs_what_was_stopped(engine: LocalStack) -> None:
    Supervisor(engine.settings.home).stop("mail")
    assert engine.fairlead("status").returncode == 1
    said = engine.up("--engine-only")
    assert "Mail catcher: ready" in said
    wait_until(lambda: engine.status()["healthy"], "`fairlead status` to say so")


def test_remote_needs_a_cluster_that_answers(tmp_path: Path) -> None:
    stack = new_stack(
        tmp_path / "home", FAIRLEAD_ENGINE="remote", FAIRLEAD_ZEEBE__ADDRESS=f"127.0.0.1:{ports.free_port()}"
    )
    done = stack.fairlead("up", "--detach", "--engine-only")
    assert done.returncode == 1
    assert "FAIRLEAD_ZEEBE__ADDRESS" in done.stderr
    assert not stack.status()["running"]


@contextlib.contextmanager
def in_front(stack: LocalStack, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`fairlead up` as in a terminal, where Ctrl-C reaches it; nothing of it is left afterwards."""
    # A shell starts background jobs with Ctrl-C ignored, and children inherit that: CI may have done so with us.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "workers", "up", *options],
            env=stack.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        stack.fairlead("down")


@pytest.fixture
def beside(engine: LocalStack, tmp_path: Path) -> LocalStack:
    """Another installation, on the same Camunda."""
    wait_until(lambda: asyncio.run(engine.healthy()), "the engine")
    return new_stack(tmp_path / "home", FAIRLEAD_ENGINE="remote", FAIRLEAD_ZEEBE__ADDRESS=engine.settings.zeebe_address)


def test_ctrl_c_while_it_starts_stops_what_was_begun(beside: LocalStack) -> None:
    with in_front(beside) as process:
        up = psutil.Process(process.pid)

        def loading() -> list[int]:
            with contextlib.suppress(psutil.Error):  # one of them has just ended
                return [child.pid for child in up.children() if child.cmdline()[-2:] == ["sample", "load"]]
            return []

        wait_until(loading, "the sample to be loaded")
        started = [*loading(), *pids(beside)]
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
        assert not [pid for pid in started if psutil.pid_exists(pid)]


def test_ctrl_c_stops_everything(beside: LocalStack) -> None:
    with in_front(beside, "--engine-only") as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C stops everything" in line:
                break
        started = pids(beside)
        assert {one["name"] for one in beside.status()["programs"]} == {"postgres", "mail"}
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0, "".join(said)
        assert not [pid for pid in started if psutil.pid_exists(pid)]


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    stack = new_stack(tmp_path / "home")
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.settings.ports.camunda_http))
        other.listen()
        done = stack.fairlead("up", "--detach", "--engine-only")
    assert done.returncode == 1
    assert f"Port {stack.settings.ports.camunda_http}" in done.stderr
    assert "FAIRLEAD_PORTS__CAMUNDA_HTTP" in done.stderr
    assert f"process {os.getpid()}" in done.stderr
    assert not stack.status()["running"]


def test_a_program_that_dies_at_start_shows_its_log(tmp_path: Path) -> None:
    stack = new_stack(tmp_path / "home", FAIRLEAD_HEAPS__OPENSEARCH="1")
    done = stack.fairlead("up", "--detach", "--engine-only")
    assert done.returncode == 1
    assert "OpenSearch died while starting" in done.stderr
    assert "heap" in done.stderr
    assert str(stack.settings.home / "logs" / "opensearch.log") in done.stderr
    assert not stack.status()["running"]


def test_down_leaves_no_process_and_keeps_the_data_then_reset_forgets_them(engine: LocalStack) -> None:
    started, home = pids(engine), engine.settings.home
    make(engine, "down")
    assert not [pid for pid in started if psutil.pid_exists(pid)]
    assert (home / "postgres" / "PG_VERSION").exists()
    assert list((home / "camunda" / "data").rglob("*.log"))
    assert engine.fairlead("down").returncode == 0
    assert engine.fairlead("status").returncode == 3

    make(engine, "reset")
    assert not home.exists()
