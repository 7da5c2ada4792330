"""How fast the shipped rules get rid of incidents once their cause has passed: the target is 95 % within 10 minutes.

``FAIRLEAD_TEST_INCIDENTS=1000`` makes more of them; docs/healing.md has the figures.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable

import pytest

from tests.embedded_board import HEALING_RULES, EmbeddedBoard
from tests.unit.operations.conftest import eventually, rows
from tests.unit.runtime.demo.diagram import deploy, one_task
from workers.engine.embedded import EmbeddedEngine
from workers.engine.ports import free_port
from workers.healing.hands import Hands
from workers.healing.healer import Healer
from workers.healing.watching import Watch
from workers.operations import audit
from workers.operations.dependencies import Probe
from workers.operations.model import Dependency
from workers.operations.telling import Telling
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.feed import Feed
from workers.runtime.resources import Resources
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, WorkerLimits, Zeebe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

ROOT = "tests.unit.runtime.demo"
NUMBER = int(os.environ.get("FAIRLEAD_TEST_INCIDENTS", "60"))
TARGET_SHARE = 0.95
TARGET_SECONDS = 600.0


async def count(pool: Pool, query: str) -> int:
    return len(await rows(pool, query))


async def test_incidents_of_an_outage_are_gone_within_ten_minutes(
    dsn: str, pool: Pool, engine: EmbeddedEngine, record_property: Callable[[str, object], None]
) -> None:
    port = free_port()
    board = EmbeddedBoard(engine, "run_fetch")
    async with ZeebeClient(Settings(zeebe=Zeebe(address=engine.address))) as client:
        await deploy(client, {"fetch.bpmn": one_task("fetch")})
        await client.deploy(HEALING_RULES)
        resources = Resources(Settings(), pool, {"port": port})
        feed = Feed(
            client,
            Worker(client, resources, ROOT),
            [discovery.find("flow.fetch", ROOT)],
            WorkerLimits(max_running_jobs=16),
        )
        serving = asyncio.create_task(feed.run())
        for number in range(NUMBER):
            await client.start("run_fetch", {"case_id": f"c{number}", "case": f"c{number}"})

        async def open_() -> int:
            return len(await board.open_incidents(10 * NUMBER))

        async def all_failed() -> bool:
            return await open_() == NUMBER

        await eventually(all_failed, "every try to be used up", 600)

        asked_in_vain = 0

        async def answers() -> bool:
            nonlocal asked_in_vain
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                asked_in_vain += 1
                return False
            writer.close()
            return True

        async def twice() -> bool:
            return asked_in_vain >= 2

        async def yes() -> bool:
            return True

        probes: dict[Dependency, Probe] = {"engine": yes, "crm": answers, "mail": yes}
        settings = Settings.model_validate({"database_url": dsn})
        watch = Watch(pool, board, Telling(pool, board, settings).tell)
        healer = Healer(settings, pool, client, watch, Hands(pool, board, client), probes)
        stop = asyncio.Event()
        healing = asyncio.create_task(healer.run(stop, 10.0))
        try:
            # It is away for a while yet, with self-healing at work: they try nothing, and use nothing up.
            await eventually(twice, "the dependency to be asked for", 120)
            assert await open_() == NUMBER
            assert await audit.entries(pool, actor=audit.POLICY) == []

            async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"here\n")
                writer.close()

            async with await asyncio.start_server(greet, "127.0.0.1", port):
                back, gone = time.monotonic(), {}
                shares = (0.5, TARGET_SHARE, 1.0)

                async def enough() -> bool:
                    done = await count(pool, "SELECT FROM runtime.timeline WHERE action = 'fetched'") / NUMBER
                    for share in shares:
                        if done >= share and share not in gone:
                            gone[share] = round(time.monotonic() - back, 1)
                    return len(gone) == len(shares) or time.monotonic() - back > TARGET_SECONDS

                await eventually(enough, "the incidents to be gone", TARGET_SECONDS + 30)
        finally:
            stop.set()
            await healing
            feed.stop()
            await serving
            await feed.drain(5)
    figures = ", ".join(f"{share:.0%} after {seconds} s" for share, seconds in gone.items())
    record_property("gone_after_seconds", str(gone))
    sys.stdout.write(f"{NUMBER} incidents of an outage, gone without a person: {figures}\n")
    assert gone.get(TARGET_SHARE, TARGET_SECONDS + 1) <= TARGET_SECONDS
