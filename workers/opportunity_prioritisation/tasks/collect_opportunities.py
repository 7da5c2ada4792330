"""Collect the open opportunities of an organisation from the CRM, and how long deals take."""

from __future__ import annotations

from dataclasses import replace

from workers.opportunity_prioritisation.domain.opportunity import Cell, WorkFacts, cell_of
from workers.opportunity_prioritisation.domain.ranking import cycle_ratio
from workers.opportunity_prioritisation.domain.run import Collected
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class CollectOpportunitiesInput(Contract):
    """Whose."""

    prioritisation_id: str
    organisation: str


class CollectOpportunitiesOutput(Contract):
    """What the tables read; the opportunities themselves are in the database."""

    collected: Collected
    cells: list[Cell]
    work_facts: WorkFacts


@task(business_id="prioritisation_id", effect="once")
async def collect_opportunities(
    given: CollectOpportunitiesInput, ports: PrioritisationPorts
) -> CollectOpportunitiesOutput:
    """Keep those of reps who are at work today, as they are now."""
    now = ports.clock()
    organisation = await ports.book.organisation(given.organisation)
    reps = list(await ports.book.minutes(organisation, now))
    found = await ports.crm.open_of(reps, now)
    promised = await ports.book.promised([one.opportunity.id for one in found])
    found = [replace(one, promised=one.opportunity.id in promised) for one in found]
    await ports.book.keep(given.prioritisation_id, found, now)
    cells = {cell.cell: cell for cell in (cell_of(one, now) for one in found)}
    ratio = cycle_ratio(await ports.crm.cycles(reps, now))
    await ports.work.note(
        "collected", "Read from the CRM.", opportunities=len(found), reps=len(reps), cycle_ratio=ratio
    )
    return CollectOpportunitiesOutput(
        collected=Collected(len(found), len(reps)),
        cells=[cells[name] for name in sorted(cells)],
        work_facts=WorkFacts(cycle_ratio=ratio, open_per_rep=len(found) / max(len(reps), 1)),
    )
