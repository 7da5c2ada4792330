"""List the quotas that wait for people, and tell which share passed by itself."""

from __future__ import annotations

from workers.quota_approval.domain.cases import Waiting
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class ListApprovalsInput(Contract):
    """Which review, and which round of it."""

    quota_id: str
    round: int


class ListApprovalsOutput(Contract):
    """What people are asked about."""

    approvals: list[Waiting]
    passed_share: float
    """Of all quotas (0 to 1): nobody had to look at them."""


@task(business_id="quota_id", effect="once", loop="round")
async def list_approvals(given: ListApprovalsInput, ports: QuotaApprovalPorts) -> ListApprovalsOutput:
    """The highest units first, as what is below hangs on them."""
    waiting, share = await ports.cases.waiting(given.quota_id)
    await ports.work.note(
        "approvals_listed",
        f"{len(waiting)} quotas wait for people; {share:.0%} passed by themselves.",
        round=given.round,
    )
    return ListApprovalsOutput(approvals=list(waiting), passed_share=round(share, 4))
