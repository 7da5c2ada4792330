"""Find the quotas that no table has looked at since they last moved."""

from __future__ import annotations

from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class FindUndecidedInput(Contract):
    """Which review."""

    quota_id: str
    round: int
    """The last one; 0 at first."""


class FindUndecidedOutput(Contract):
    """Pages to go through; none if nothing moved."""

    round: int
    """This one."""

    quota_pages: list[int]


@task(business_id="quota_id", effect="idempotent")
async def find_undecided(given: FindUndecidedInput, ports: QuotaApprovalPorts) -> FindUndecidedOutput:
    """All of a new plan; later what was adjusted, what moved with it, and what a rep objects to."""
    pages = await ports.cases.pages(given.quota_id)
    return FindUndecidedOutput(quota_pages=list(range(1, pages + 1)), round=given.round + 1)
