"""Rank the opportunities, and put on each rep's list what there is time for today."""

from __future__ import annotations

from workers.opportunity_prioritisation.domain.lists import RepList
from workers.opportunity_prioritisation.domain.opportunity import Advice, WorkingOrder
from workers.opportunity_prioritisation.domain.ranking import ranked
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class RankOpportunitiesInput(Contract):
    """What the tables said."""

    prioritisation_id: str
    organisation: str
    advice: list[Advice]
    working_order: WorkingOrder


class RankOpportunitiesOutput(Contract):
    """Who gets a list."""

    rep_lists: list[RepList]


@task(business_id="prioritisation_id", effect="once")
async def rank_opportunities(given: RankOpportunitiesInput, ports: PrioritisationPorts) -> RankOpportunitiesOutput:
    """See `domain.ranking` for the formula; the moment is that of the collection."""
    organisation = await ports.book.organisation(given.organisation)
    scored, at = await ports.book.scored(given.prioritisation_id)
    minutes = await ports.book.minutes(organisation, at)
    found = ranked(scored, {one.cell: one for one in given.advice}, given.working_order, minutes, at)
    await ports.book.keep_ranking(given.prioritisation_id, found)
    lists = list(await ports.lists.lists(given.prioritisation_id))
    await ports.work.note(
        "ranked",
        given.working_order.why,
        order=given.working_order.order,
        listed=sum(one.place is not None for one in found),
        lists=len(lists),
        expected_value=round(sum(one.expected_value for one in found if one.place is not None)),
    )
    return RankOpportunitiesOutput(rep_lists=lists)
