"""Plan the contact in the CRM."""

from __future__ import annotations

from workers.follow_up.ports import FollowUpPorts
from workers.runtime.task import Contract, task


class PlanActivityInput(Contract):
    """Which follow-up."""

    follow_up_id: str


class PlanActivityOutput(Contract):
    """The activity's id in the CRM."""

    activity_id: str


@task(business_id="follow_up_id", effect="once")
async def plan_activity(given: PlanActivityInput, ports: FollowUpPorts) -> PlanActivityOutput:
    """Write it by the outbox, so that everybody who opens the customer in the CRM sees it."""
    found = await ports.book.find(given.follow_up_id)
    await ports.crm.put(
        found.follow_up_id,
        "planned",
        subject_kind=found.subject_kind,
        subject_id=found.subject_id,
        rep_id=found.rep_id,
        channel=found.channel,
        due_at=found.due_at,
    )
    ports.work.record(activity_id=found.follow_up_id)
    return PlanActivityOutput(activity_id=found.follow_up_id)
