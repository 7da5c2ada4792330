"""Find the reps whose expectation moved since their quotas were planned."""

from __future__ import annotations

from workers.office.published import Source
from workers.quota_approval.domain.upkeep import Concern, DueAdjustment
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class FindConcernedInput(Contract):
    """What was published, of which organisation, and from what change on somebody is concerned."""

    upkeep_id: str
    occurrence: str
    source: Source
    organisation: str
    concern: Concern


class FindConcernedOutput(Contract):
    """Whose quotas are to be set anew: one period of each organisation that plans by what was published."""

    due_adjustments: list[DueAdjustment]


@task(business_id="upkeep_id", effect="once", loop="occurrence", timeout_seconds=120)
async def find_concerned(given: FindConcernedInput, ports: QuotaApprovalPorts) -> FindConcernedOutput:
    """Hold what quotas of periods under way were planned from against what would be collected now."""
    found = await ports.upkeep.due(given.source, given.organisation, given.concern.least_percent, ports.clock())
    return FindConcernedOutput(due_adjustments=list(found))
