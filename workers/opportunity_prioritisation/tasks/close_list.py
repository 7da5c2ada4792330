"""Close a rep's list at the end of the day; what is left comes again tomorrow."""

from __future__ import annotations

from workers.opportunity_prioritisation.domain.lists import RepList
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class CloseListInput(Contract):
    """Whose list."""

    prioritisation_id: str
    rep_list: RepList
    list_key: str


class CloseListOutput(Contract):
    """How many were left."""

    left_over: int


@task(business_id="prioritisation_id", effect="once", loop="list_key")
async def close_list(given: CloseListInput, ports: PrioritisationPorts) -> CloseListOutput:
    """Note that nobody said anything to it."""
    await ports.lists.answer(given.prioritisation_id, given.rep_list.rep_id, [], "", ports.clock())
    await ports.work.note("list_closed", "The day is over.", rep=given.rep_list.rep_id, left=given.rep_list.count)
    return CloseListOutput(left_over=given.rep_list.count)
