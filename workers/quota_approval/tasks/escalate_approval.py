"""Nobody decided in time, or who should has left: whoever is above does."""

from __future__ import annotations

from workers.office.letters import CHANNEL
from workers.quota_approval.domain.cases import Waiting
from workers.quota_approval.domain.letters import handed_on
from workers.quota_approval.domain.people import GROUPS, Stage, above
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class EscalateApprovalInput(Contract):
    """Which quota, the how-manieth time."""

    quota_id: str
    organisation: str
    organisation_name: str
    approval: Waiting
    approval_key: str


class EscalateApprovalOutput(Contract):
    """Whose turn it is now."""

    escalated_to: Stage


@task(business_id="quota_id", effect="once", loop="approval_key")
async def escalate_approval(given: EscalateApprovalInput, ports: QuotaApprovalPorts) -> EscalateApprovalOutput:
    """Write to them; the last stage is written to again."""
    case = await ports.cases.case(given.quota_id, given.approval.node)
    stage = above(case.stage)
    await ports.cases.hand_on(given.quota_id, case.node, stage, comment=case.comment)
    letter = handed_on(f"{case.fact.name}, {given.organisation_name}", stage, link=ports.tasks)
    await ports.work.send(CHANNEL, letter.to(await ports.book.addresses(given.organisation, GROUPS[stage])))
    seen = {"from": case.stage, "to": stage}
    await ports.cases.sign(given.quota_id, case.node, "escalated", "the process", ports.clock(), seen)
    await ports.work.note("quota_escalated", f"From {case.stage} to {stage}.", node=case.node)
    return EscalateApprovalOutput(escalated_to=stage)
