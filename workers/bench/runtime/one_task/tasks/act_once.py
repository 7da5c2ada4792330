"""Says that it ran; its effect is recorded, so that it runs once."""

from __future__ import annotations

from workers.bench.runtime.one_task.contract import Case, Handled
from workers.bench.runtime.one_task.stamps import Stamps
from workers.runtime.task import task


@task(business_id="case_id", effect="once")
async def act_once(given: Case, ports: Stamps) -> Handled:
    """Says that it ran; its effect is recorded, so that it runs once."""
    ports.handled(given.case_id)
    return Handled(handled=True)
