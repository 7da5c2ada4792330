"""`fairlead bench runtime`: everything of the plan, on a stack of the benchmark's own."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from workers.bench.runtime.figures import Report
from workers.bench.runtime.recovery import Recovery
from workers.bench.runtime.runs import Rounds
from workers.bench.runtime.starting import Starter
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings


async def bench(settings: Settings, report: Report, tell: Callable[[str], None]) -> None:
    """Measure the stack of these settings, which must be the benchmark's own: its broker is killed.

    Raises:
        NotServed: a side did not serve; the message says more.
    """
    async with ZeebeClient(settings) as client, httpx.AsyncClient(timeout=10, trust_env=False) as http:
        starter = Starter(settings, client)
        await starter.deploy()
        rounds = Rounds(settings, starter, http, report, tell)
        await rounds.measure()
        await rounds.starts()
        await rounds.sustain()
        await Recovery(settings, starter, http, report, tell).measure()
