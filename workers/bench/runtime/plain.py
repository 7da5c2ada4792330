"""The alternative: one task served by plain pyzeebe as its documentation shows it, all defaults, nothing recorded.

Run as ``python -m workers.bench.runtime.plain JOB_TYPE [--streaming]``. Like `workers.bench.plain_polling` it may import
pyzeebe, as it is what we are measured against.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from pyzeebe import ZeebeWorker, create_insecure_channel

from workers.bench.runtime.one_task.stamps import Stamps
from workers.settings import Settings, get_settings


async def serve(settings: Settings, job_type: str, *, streaming: bool) -> None:
    """Serve the task until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stamps = Stamps(settings)
    worker = ZeebeWorker(create_insecure_channel(settings.zeebe_address), stream_enabled=streaming)

    async def act(case_id: str) -> dict[str, bool]:
        stamps.handled(case_id)
        return {"handled": True}

    # mypy can't infer the type variables of pyzeebe's decorator when it is called with arguments.
    worker.task(job_type)(act)  # type: ignore[arg-type]
    working, stopped = asyncio.create_task(worker.work()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        await worker.stop()
        await working
    finally:
        stopped.cancel()
        stamps.close()


if __name__ == "__main__":
    asyncio.run(serve(get_settings(), sys.argv[1], streaming="--streaming" in sys.argv))
