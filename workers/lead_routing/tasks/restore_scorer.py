"""Give scoring back to the model that was active before `activate_scorer`."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class RestoreScorerInput(Contract):
    """Which activation is undone."""

    scorer_id: str
    attempt: str


class RestoreScorerOutput(Contract):
    """Whether there was anything to undo."""

    scorer_restored: bool


@task(business_id="scorer_id", effect="once", loop="attempt", undoes="activate_scorer", after_close=True)
async def restore_scorer(given: RestoreScorerInput, ports: LeadRoutingPorts) -> RestoreScorerOutput:
    """Activate the recorded former model; it is left alone if somebody activated another one since."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return RestoreScorerOutput(scorer_restored=False)
    former, undone = recorded["former"], recorded["version"]
    restored = await ports.upkeep.restore(recorded["schema_name"], former, undone=undone)
    why = "The former model scores again." if restored else "Another model was activated meanwhile; it stays."
    await ports.work.note("restored", why, model_version=former, undone=undone)
    return RestoreScorerOutput(scorer_restored=restored)
