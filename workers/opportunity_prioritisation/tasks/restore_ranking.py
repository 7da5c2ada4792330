"""Have the CRM go back to the ranking before `write_ranking`."""

from __future__ import annotations

from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class RestoreRankingInput(Contract):
    """Which ranking is undone."""

    prioritisation_id: str


class RestoreRankingOutput(Contract):
    """Whether there was anything to undo."""

    ranking_restored: bool


@task(business_id="prioritisation_id", effect="once", undoes="write_ranking", after_close=True)
async def restore_ranking(given: RestoreRankingInput, ports: PrioritisationPorts) -> RestoreRankingOutput:
    """Undo the recorded change, behind it in the outbox; the CRM knows what was there before."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return RestoreRankingOutput(ranking_restored=False)
    await ports.crm.recall_ranking(recorded["change_id"], recorded["organisation"])
    await ports.work.note("recalled", "The CRM goes back to the ranking before.")
    return RestoreRankingOutput(ranking_restored=True)
