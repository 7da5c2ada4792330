"""The reference: DBOS workflows of one step, once-only on the same PostgreSQL, without an engine.

Run as ``python -m workers.bench.runtime.dbos_steps N RATE SECONDS``; prints `Reference` as JSON. Starting and running are
in one process, as DBOS has it. Needs the package `dbos`, which the product does not.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from dataclasses import asdict

from psycopg.conninfo import conninfo_to_dict

from workers.bench.figures import schedule, spread
from workers.bench.runtime.figures import Reference
from workers.bench.runtime.starting import AT_ONCE
from workers.bench.sending import open_loop
from workers.settings import Settings, get_settings

DATABASE = "bench_dbos"
WARM_UP = 50


async def measure(settings: Settings, number: int, rate: float, seconds: float) -> Reference:
    """A closed burst of so many workflows, then an open loop at the rate for so long.

    Raises:
        ImportError: DBOS is not installed.
    """
    from dbos import DBOS  # noqa: PLC0415 - only who wants the reference needs the package

    DBOS(config={"name": "bench", "system_database_url": _url(settings), "log_level": "WARNING"})
    handled: dict[str, float] = {}

    @DBOS.step()
    async def act(case_id: str) -> bool:
        handled[case_id] = time.time()
        return True

    @DBOS.workflow()
    async def one_step(case_id: str) -> bool:
        return await act(case_id)

    DBOS.launch()
    names = (f"case-{i}-{time.time_ns()}" for i in itertools.count())

    async def run(case_id: str) -> str:
        handle = await DBOS.start_workflow_async(one_step, case_id)
        await handle.get_result()
        return "done"

    async def burst(count: int) -> float:
        slots = asyncio.Semaphore(AT_ONCE)

        async def bounded(case_id: str) -> None:
            async with slots:
                await run(case_id)

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for case_id in itertools.islice(names, count):
                group.create_task(bounded(case_id))
        return count / (time.monotonic() - began)

    try:
        await burst(min(WARM_UP, number))
        throughput = await burst(number)
        offsets = schedule(rate, seconds)
        bodies = [{"external_id": case_id} for case_id in itertools.islice(names, len(offsets))]
        sent = await open_loop(lambda body: run(str(body["external_id"])), bodies, offsets)
    finally:
        DBOS.destroy()
    return Reference(throughput, spread([handled[one] - at for one, at in sent.scheduled.items()]))


def _url(settings: Settings) -> str:
    known = conninfo_to_dict(settings.dsn)
    return f"postgresql://{known['user']}@{known['host']}:{known['port']}/{DATABASE}"


def main() -> None:
    """Entry point of the process."""
    number, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    sys.stdout.write(json.dumps(asdict(asyncio.run(measure(get_settings(), number, rate, seconds)))) + "\n")


if __name__ == "__main__":
    main()
