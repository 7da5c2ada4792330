"""Says that it ran; declared as reading, so that nothing is recorded."""

from __future__ import annotations

from workers.bench.runtime.one_task.contract import Case, Handled
from workers.bench.runtime.one_task.stamps import Stamps
from workers.runtime.task import task


@task(business_id="case_id", effect="none")
async def act_reading(given: Case, ports: Stamps) -> Handled:
    """Says that it ran; declared as reading, so that nothing is recorded."""
    ports.handled(given.case_id)
    return Handled(handled=True)
