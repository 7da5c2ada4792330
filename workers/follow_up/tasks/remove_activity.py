"""Take the planned contact out of the CRM again."""

from __future__ import annotations

from workers.follow_up.ports import FollowUpPorts
from workers.runtime.task import Contract, task


class RemoveActivityInput(Contract):
    """Which follow-up."""

    follow_up_id: str


class RemoveActivityOutput(Contract):
    """Whether there was one."""

    activity_removed: bool


@task(business_id="follow_up_id", effect="once", undoes="plan_activity", after_close=True)
async def remove_activity(given: RemoveActivityInput, ports: FollowUpPorts) -> RemoveActivityOutput:
    """Undo the recorded activity; one that the CRM has as done stays."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return RemoveActivityOutput(activity_removed=False)
    await ports.crm.remove(recorded["activity_id"])
    await ports.work.note("activity_removed", "The CRM does not plan it any more.")
    return RemoveActivityOutput(activity_removed=True)
