"""Let the new model score from now on."""

from __future__ import annotations

from workers.lead_routing.domain.upkeep import Challenger
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class ActivateScorerInput(Contract):
    """Which model."""

    scorer_id: str
    schema_name: str
    attempt: str
    challenger: Challenger


class ActivateScorerOutput(Contract):
    """Which model it took the place of."""

    former_version: str | None


@task(business_id="scorer_id", effect="once", loop="attempt")
async def activate_scorer(given: ActivateScorerInput, ports: LeadRoutingPorts) -> ActivateScorerOutput:
    """Activate the challenger; workers that score notice within half a minute."""
    version = given.challenger.version
    former = await ports.upkeep.activate(given.schema_name, version)
    ports.work.record(schema_name=given.schema_name, version=version, former=former)
    await ports.work.note(
        "activated", "The new model scores from now on.", model_version=version, former_version=former
    )
    return ActivateScorerOutput(former_version=former)
