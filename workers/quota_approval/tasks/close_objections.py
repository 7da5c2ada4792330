"""Count the objections: what they touch is looked at again, all else stands."""

from __future__ import annotations

from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class CloseObjectionsInput(Contract):
    """Which review, and which round of it."""

    quota_id: str
    round: int


class CloseObjectionsOutput(Contract):
    """How many quotas are open again."""

    objections: int


@task(business_id="quota_id", effect="once", loop="round")
async def close_objections(given: CloseObjectionsInput, ports: QuotaApprovalPorts) -> CloseObjectionsOutput:
    """Those that were not objected to in time stand."""
    count = await ports.cases.objections(given.quota_id)
    await ports.work.note("objections_closed", f"{count} quotas are looked at again.", round=given.round)
    return CloseObjectionsOutput(objections=count)
