"""Write the ranking to the CRM."""

from __future__ import annotations

from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class WriteRankingInput(Contract):
    """Which ranking, of whom."""

    prioritisation_id: str
    organisation: str


class WriteRankingOutput(Contract):
    """By which the CRM knows it."""

    ranking_change_id: str


@task(business_id="prioritisation_id", effect="once")
async def write_ranking(given: WriteRankingInput, ports: PrioritisationPorts) -> WriteRankingOutput:
    """Send it by the outbox; the CRM keeps the one before."""
    change_id = f"{given.prioritisation_id}/ranking"
    await ports.crm.put_ranking(change_id, given.organisation, given.prioritisation_id)
    ports.work.record(change_id=change_id, organisation=given.organisation)
    await ports.work.note("written", "The CRM gets the ranking.")
    return WriteRankingOutput(ranking_change_id=change_id)
