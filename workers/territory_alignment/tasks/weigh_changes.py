"""Weigh what changes by a plan: the facts that decide who must look at it."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.planning import ChangeFacts, Solved
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class WeighChangesInput(Contract):
    """Which plan."""

    alignment_id: str
    organisation: str
    plan: Solved
    live: bool


class WeighChangesOutput(Contract):
    """What the decision table reads."""

    change_facts: ChangeFacts


@task(business_id="alignment_id", effect="idempotent")
async def weigh_changes(given: WeighChangesInput, ports: TerritoryAlignmentPorts) -> WeighChangesOutput:
    """Hold the plan against today's owners."""
    return WeighChangesOutput(
        change_facts=await ports.plans.facts(given.organisation, given.plan.version, live=given.live)
    )
