"""Prepare the approval of new territories: the figures, who refused, and until when to decide."""

from __future__ import annotations

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain import showing
from workers.territory_alignment.domain.release import ReleaseFacts
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class PrepareApprovalInput(Contract):
    """Which version."""

    alignment_id: str
    organisation: str
    release_facts: ReleaseFacts
    approval_sla: Sla
    approval_problem: str | None = None
    """Why the former answer did not count."""


class PrepareApprovalOutput(Contract):
    """What the form shows."""

    approval_text: str
    refusals_text: str
    """Markdown list; empty where nobody refused."""
    approval_figures: list[showing.FigureRow]
    approval_map_url: str
    approval_deadlines: Deadlines


@task(business_id="alignment_id", effect="idempotent")
async def prepare_approval(given: PrepareApprovalInput, ports: TerritoryAlignmentPorts) -> PrepareApprovalOutput:
    """Gather it; deadlines count from now."""
    facts = given.release_facts
    solved = await ports.plans.solved(facts.plan_version)
    refusals = [one for one in await ports.looks.last_words(given.alignment_id) if one.answer == "refuse"]
    lines = [
        f"{facts.changed} accounts change hands: {showing.percent(facts.changed_share)} of those with an owner",
        f"They are {showing.percent(facts.potential_share)} of the potential",
        f"Key accounts among them: {facts.key_accounts_moved}" if facts.key_accounts_moved else "",
        f"In force from {facts.effective_from} on",
        f"Managers' edits in it: {facts.edits}" if facts.edits else "",
        f"Regions that nobody decided about in time: {facts.unseen}" if facts.unseen else "",
        solved.proven,
    ]
    return PrepareApprovalOutput(
        approval_text=showing.bullets(lines),
        refusals_text=showing.bullets(f"{one.region}, {one.by}: {one.note}" for one in refusals),
        approval_figures=showing.figure_rows(await ports.plans.scenarios(given.alignment_id, facts.plan_version)),
        approval_map_url=ports.pictures.link(facts.plan_version),
        approval_deadlines=await deadlines(ports.book, given.organisation, given.approval_sla, ports.clock()),
    )
