"""The processes themselves: start, drain, probes, weight."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.runtime.demo.cases import Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.door import Door
from tests.unit.runtime.demo.migrating import head, mark_as_newer, migrate_to_the_last_but_one
from tests.unit.runtime.demo.served import Serve
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.engine.ports import free_port
from workers.runtime.database import upgrade
from workers.runtime.outbox import put
from workers.runtime.zeebe import ZeebeClient

PROJECT = Path(__file__).parents[3]
LIGHT_SECONDS = 1.0
LIGHT_MEGABYTES = 90


def ended(engine: EmbeddedEngine, instance: int) -> bool:
    return any(one.key == instance and one.state == "ELEMENT_COMPLETED" for one in engine.elements(instance))


async def test_sigterm_lets_running_jobs_finish(serve: Serve, engine: EmbeddedEngine, client: ZeebeClient) -> None:
    await client.deploy({"look.bpmn": one_task("look")})
    async with serve("flow.look") as served:
        await served.said("stream_open")
        port = (await served.said("metrics_served"))["port"]
        instance = await client.start("run_look", {"case_id": "c1", "seconds": 2.5})
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:

            async def state() -> dict[str, Any]:
                answer: dict[str, Any] = (await http.get("/readyz")).json()
                return answer

            await until(lambda: running(state), "the job to run")
            assert (await http.get("/readyz")).status_code == 200
            assert (await http.get("/healthz")).json()["running"] == 1
            assert "fairlead_jobs_running 1.0" in (await http.get("/metrics")).text
            assert (await http.get("/other")).status_code == 404
        assert await served.terminate() == 0
        assert served.actions()[-1] == "worker_stopped"
    await until(lambda: ended(engine, instance), "the instance to end")


async def test_what_is_slow_the_first_time_is_made_before_jobs_are_taken(serve: Serve, engine: EmbeddedEngine) -> None:
    async with serve("flow.look", "flow.touch") as served:
        await served.said("stream_open")
        assert await served.terminate() == 0
        assert served.actions().index("prepared") < served.actions().index("stream_open")
        assert served.actions().count("prepared") == 1


async def running(state: Callable[[], Any]) -> bool:
    return bool((await state())["running"] == 1)


async def test_sigterm_hands_back_what_takes_too_long(
    serve: Serve, engine: EmbeddedEngine, client: ZeebeClient
) -> None:
    await client.deploy({"look.bpmn": one_task("look")})
    async with serve("flow.look", FAIRLEAD_WORKER__DRAIN_SECONDS="0.3", FAIRLEAD_LOG_LEVEL="debug") as served:
        await served.said("stream_open")
        instance = await client.start("run_look", {"case_id": "c1", "seconds": 3.0})
        await until(lambda: activated(engine, instance), "the job to be taken")
        assert await served.terminate() == 0
    async with serve("flow.look") as served:
        await until(lambda: ended(engine, instance), "the instance to end")
        failed = [
            record["value"]
            for record in engine.records()
            if record["valueType"] == "JOB"
            and record["intent"] == "FAILED"
            and record["value"]["processInstanceKey"] == instance
        ]
        assert [failure["retries"] for failure in failed] == [3]
        assert await served.terminate() == 0


async def test_sigterm_does_not_wait_for_a_thread_that_nobody_can_stop(
    serve: Serve, engine: EmbeddedEngine, client: ZeebeClient
) -> None:
    await client.deploy({"look.bpmn": one_task("look")})
    async with serve("flow.look", FAIRLEAD_WORKER__DRAIN_SECONDS="0.3") as served:
        await served.said("stream_open")
        instance = await client.start("run_look", {"case_id": "c1", "seconds": 3600, "thread": True})
        await until(lambda: activated(engine, instance), "the job to be taken")
        assert await served.terminate() == 0
        assert served.actions()[-2:] == ["worker_stopped", "thread_left"]
    await client.cancel(instance)


def activated(engine: EmbeddedEngine, instance: int) -> bool:
    return any(
        record["valueType"] == "JOB_BATCH"
        and record["intent"] == "ACTIVATED"
        and any(job["processInstanceKey"] == instance for job in record["value"]["jobs"])
        for record in engine.records()
    )


async def test_killed_worker_makes_no_second_effect(
    serve: Serve, engine: EmbeddedEngine, client: ZeebeClient, cases: Cases
) -> None:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    async with serve("flow.book") as served:
        await served.said("stream_open")
        instance = await client.start("run_book", {"case_id": "c1", "mode": "die"})
        await asyncio.wait_for(served.process.wait(), 240)
    assert await cases.booked() == 0  # it died before the commit
    cases.resources.cache["modes"] = ["ok"]
    await cases.run("book")
    async with serve("flow.book") as served:
        await served.said("stream_open")
        await asyncio.to_thread(engine.increase_time, timedelta(seconds=25))
        await until(lambda: ended(engine, instance), "the instance to end")
        await served.said("job_repeated")
        assert await served.terminate() == 0
    assert await cases.booked() == 1


async def test_starts_before_engine_and_database_and_says_so(serve: Serve) -> None:
    nowhere = free_port()
    async with serve(
        "flow.look",
        FAIRLEAD_ZEEBE__ADDRESS=f"127.0.0.1:{nowhere}",
        FAIRLEAD_DATABASE_URL=f"postgresql://127.0.0.1:{nowhere}/x",
    ) as served:
        assert "fairlead up" in (await served.said("waiting_engine"))["hint"]
        assert "FAIRLEAD_DATABASE_URL" in (await served.said("waiting_database"))["hint"]
        assert await served.terminate() == 0


async def test_waits_for_an_engine_that_refuses_it_and_says_why(serve: Serve, engine: EmbeddedEngine) -> None:
    admitted = False
    async with (
        Door(engine.address, admits=lambda _token: admitted) as door,
        serve("flow.look", FAIRLEAD_ZEEBE__ADDRESS=f"127.0.0.1:{door.port}") as served,
    ):
        assert "UNAUTHENTICATED" in (await served.said("waiting_engine"))["reason"]
        admitted = True
        await served.said("connected")
        assert await served.terminate() == 0


async def test_waits_for_the_tables_and_then_works(serve: Serve, empty_dsn: str) -> None:
    async with serve("flow.look", FAIRLEAD_DATABASE_URL=empty_dsn) as served:
        assert (await served.said("waiting_schema"))["hint"] == "fairlead db upgrade"
        assert "stream_open" not in served.actions()
        await asyncio.to_thread(upgrade, empty_dsn)
        await served.said("stream_open")
        assert await served.terminate() == 0


@pytest.mark.parametrize("process", ["flow.look", "outbox"])
async def test_waits_for_the_migrations_it_needs(serve: Serve, empty_dsn: str, process: str) -> None:
    await asyncio.to_thread(migrate_to_the_last_but_one, empty_dsn)
    async with serve(process, FAIRLEAD_DATABASE_URL=empty_dsn) as served:
        said = await served.said("waiting_schema")
        assert (said["hint"], said["needed"]) == ("fairlead db upgrade", head())
        assert not {"stream_open", "connected"} & set(served.actions())
        await asyncio.to_thread(upgrade, empty_dsn)
        await served.said("connected")
        assert await served.terminate() == 0


async def test_takes_a_newer_schema(serve: Serve, dsn: str) -> None:
    await asyncio.to_thread(mark_as_newer, dsn)
    async with serve("flow.look") as served:
        await served.said("stream_open")
        assert "waiting_schema" not in served.actions()
        assert await served.terminate() == 0


async def test_dispatcher_process_sends_does_chores_and_stops(serve: Serve, cases: Cases) -> None:
    async with serve("outbox") as served:
        await served.said("dispatcher_started")
        await served.said("watered")
        async with cases.resources.pool.connection() as connection:
            await put(connection, "zeebe.message", "x", "m:x", {"name": "hello", "correlation_key": "x"})
        await until(lambda: cases.rows("SELECT FROM runtime.delivered"), "the message to be sent")
        await until(lambda: cases.rows("SELECT FROM runtime.programs WHERE role = 'dispatcher'"), "it to be shown")
        assert await served.terminate() == 0
        assert not await cases.rows("SELECT FROM runtime.programs")


async def test_light_worker_starts_quickly_and_stays_small(
    serve: Serve, engine: EmbeddedEngine, client: ZeebeClient, record_property: Callable[[str, object], None]
) -> None:
    await client.deploy({"look.bpmn": one_task("look")})
    async with serve("flow.look") as served:
        clock = asyncio.get_running_loop().time
        started = clock()
        await served.said("stream_open")
        seconds = clock() - started
        instance = await client.start("run_look", {"case_id": "c1"})
        await until(lambda: ended(engine, instance), "the instance to end")
        status = (Path("/proc") / str(served.process.pid) / "status").read_text()
        megabytes = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
        assert await served.terminate() == 0
    record_property("start_seconds", round(seconds, 2))
    record_property("resident_megabytes", round(megabytes, 1))
    sys.stdout.write(f"light worker: stream open after {seconds:.2f} s, {megabytes:.0f} MB resident\n")
    assert megabytes <= LIGHT_MEGABYTES


def test_one_task_imports_neither_other_contexts_nor_heavy_libraries() -> None:
    program = (
        "import sys; import workers.__main__ as m; m.build(['worker']);"
        "import workers.runtime.service; from workers.runtime.discovery import find;"
        "find('flow.look', 'tests.unit.runtime.demo');"
        "print(' '.join(sorted(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=240
    )
    loaded = set(answer.stdout.split())
    heavy = {"pandas", "numpy", "sklearn", "lightgbm", "alembic", "sqlalchemy", "fastapi", "jpype", "scipy"}
    assert not loaded & heavy
    assert "tests.unit.runtime.demo.flow.tasks.look" in loaded
    assert "tests.unit.runtime.demo.flow.tasks.book" not in loaded
    assert not {
        name for name in loaded if name.startswith(("workers.lead_routing", "workers.engine", "workers.gateway"))
    }
