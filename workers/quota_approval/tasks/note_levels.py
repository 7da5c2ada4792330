"""Keep what the decision table says of a page of quotas."""

from __future__ import annotations

from workers.quota_approval.domain.cases import Decided
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class NoteLevelsInput(Contract):
    """The table's answers."""

    quota_id: str
    levels: list[Decided]
    levels_key: str
    """Tells rounds and pages apart."""


class NoteLevelsOutput(Contract):
    """How many need a person."""

    asked_for: int


@task(business_id="quota_id", effect="once", loop="levels_key")
async def note_levels(given: NoteLevelsInput, ports: QuotaApprovalPorts) -> NoteLevelsOutput:
    """What needs nobody passes; where no rule fits, the strictest level counts."""
    await ports.cases.decide(given.quota_id, given.levels, ports.clock())
    return NoteLevelsOutput(asked_for=sum(one.level != "none" for one in given.levels))
