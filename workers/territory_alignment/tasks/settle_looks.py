"""Settle a round of looks: who accepted what somebody's edit changed since is asked again."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.planning import Solved
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class SettleLooksInput(Contract):
    """Which round."""

    alignment_id: str
    organisation: str
    look_round: int
    most_rounds: int
    """After so many nobody is asked again: what is on the table stands, and who approves sees it."""


class SettleLooksOutput(Contract):
    """Who is asked again, and the plan that is on the table."""

    look_regions: list[str]
    look_round: int
    plan: Solved


@task(business_id="alignment_id", effect="once", loop="look_round")
async def settle_looks(given: SettleLooksInput, ports: TerritoryAlignmentPorts) -> SettleLooksOutput:
    """Hold what each manager saw against what is on the table now."""
    version = (await ports.book.alignment(given.alignment_id)).plan_version or ""
    answers = await ports.looks.last(given.alignment_id, f"{given.look_round}/")
    seen = {there for _, there in answers.values()} - {version}
    changed = {there: set(await ports.plans.touched(given.organisation, version, since=there)) for there in seen}
    again = sorted(region for region, (_, there) in answers.items() if region in changed.get(there, ()))
    if given.look_round >= given.most_rounds:
        again = []
    await ports.work.note(
        "looks_settled",
        f"{len(again)} regions are asked again.",
        round=given.look_round,
        regions=again,
        version=version,
    )
    return SettleLooksOutput(
        look_regions=again, look_round=given.look_round + 1, plan=await ports.plans.solved(version)
    )
