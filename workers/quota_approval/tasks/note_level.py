"""Keep what the decision table says of a quota that a person set."""

from __future__ import annotations

from workers.quota_approval.domain.cases import Decided, Level, Waiting
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class LevelNow(Contract):
    """The table's answer; nothing where no rule fits."""

    level: Level | None = None
    why: str | None = None


class NoteLevelInput(Contract):
    """Which quota, and whose approval it needs now."""

    quota_id: str
    approval: Waiting
    approval_key: str
    level_now: LevelNow | None = None


class NoteLevelOutput(Contract):
    """What was kept."""

    level_kept: Level


@task(business_id="quota_id", effect="once", loop="approval_key")
async def note_level(given: NoteLevelInput, ports: QuotaApprovalPorts) -> NoteLevelOutput:
    """It goes on with whoever is above who set it, whatever the table says."""
    now = given.level_now or LevelNow()
    node = given.approval.node
    await ports.cases.decide(given.quota_id, [Decided(node, now.level, now.why)], ports.clock())
    return NoteLevelOutput(level_kept=(await ports.cases.case(given.quota_id, node)).level)
