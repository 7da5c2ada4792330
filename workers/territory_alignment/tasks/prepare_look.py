"""Prepare a manager's look at a region: what changes for whom and why, and the scenarios side by side."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain import showing
from workers.territory_alignment.domain.looks import ToLook
from workers.territory_alignment.ports import TerritoryAlignmentPorts

SHOWN = 30
"""Accounts that the form lists, the largest first."""


class RegionCase(Contract):
    """What the form shows."""

    title: str
    summary: str
    why: str
    """Why it is looked at."""
    sent_back: str
    """Markdown list; empty at first."""
    seen_version: str
    map_url: str
    moves: list[showing.MoveRow]
    reps: list[showing.RepRow]
    figures: list[showing.FigureRow]


class LookRule(Contract):
    """What the decision table says."""

    review: bool
    why: str


class PrepareLookInput(Contract):
    """Which region, and what was said before."""

    alignment_id: str
    organisation: str
    organisation_name: str
    currency: str
    look: ToLook
    look_rule: LookRule
    look_sla: Sla
    looks_close_at: AwareDatetime
    edit_problem: str | None = None
    approval_comment: str | None = None


class PrepareLookOutput(Contract):
    """What the form shows, and until when to decide."""

    region_case: RegionCase
    look_deadlines: Deadlines


@task(business_id="alignment_id", effect="idempotent")
async def prepare_look(given: PrepareLookInput, ports: TerritoryAlignmentPorts) -> PrepareLookOutput:
    """Gather it from the plan that is on the table now; nothing is due later than looks are closed."""
    version = (await ports.book.alignment(given.alignment_id)).plan_version or ""
    region = given.look.region
    moves, total = await ports.plans.moves(given.organisation, version, region, SHOWN)
    solved = await ports.plans.solved(version)
    moved = sum(one.potential for one in moves)
    more = f"; the {len(moves)} largest are below" if total > len(moves) else ""
    back = [("What you asked for", given.edit_problem), ("Who had to approve", given.approval_comment)]
    return PrepareLookOutput(
        region_case=RegionCase(
            title=f"{region or 'Reps without a region'}, {given.organisation_name}",
            summary=(
                f"**{total}** accounts change hands here, with a potential of {moved:,.0f} {given.currency}".rstrip()
                + f"{more}. {solved.proven}"
            ),
            why=given.look_rule.why,
            sent_back=showing.bullets([f"{who}: {what}" for who, what in back if what]),
            seen_version=version,
            map_url=ports.pictures.link(version),
            moves=[showing.move_row(one) for one in moves],
            reps=[showing.rep_row(one) for one in await ports.plans.loads(given.organisation, version, region)],
            figures=showing.figure_rows(await ports.plans.scenarios(given.alignment_id, version)),
        ),
        look_deadlines=await deadlines(
            ports.book, given.organisation, given.look_sla, ports.clock(), not_after=given.looks_close_at
        ),
    )
