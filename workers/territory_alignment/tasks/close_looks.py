"""Close the looks whose time is up: what is on the table stands."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.looks import ToLook
from workers.territory_alignment.domain.planning import Solved
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class CloseLooksInput(Contract):
    """Which round."""

    alignment_id: str
    look_round: int
    looks: list[ToLook]


class CloseLooksOutput(Contract):
    """Regions that nobody decided about, and the plan that stands."""

    closed_unseen: list[str]
    plan: Solved
    look_round: int


@task(business_id="alignment_id", effect="once", loop="look_round")
async def close_looks(given: CloseLooksInput, ports: TerritoryAlignmentPorts) -> CloseLooksOutput:
    """Note whom nothing was heard of; who approves is told."""
    version = (await ports.book.alignment(given.alignment_id)).plan_version or ""
    closed = await ports.looks.close(
        given.alignment_id, f"{given.look_round}/", [one.region for one in given.looks], version, ports.clock()
    )
    await ports.work.note("looks_closed", f"Time was up: {len(closed)} regions stand unseen.", regions=closed)
    return CloseLooksOutput(
        closed_unseen=closed, plan=await ports.plans.solved(version), look_round=given.look_round + 1
    )
