"""Let the decision table score, without a model."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class DeactivateScorerInput(Contract):
    """Which scorer."""

    scorer_id: str
    schema_name: str
    attempt: str


class DeactivateScorerOutput(Contract):
    """Which model no longer scores."""

    deactivated_version: str | None


@task(business_id="scorer_id", effect="once", loop="attempt")
async def deactivate_scorer(given: DeactivateScorerInput, ports: LeadRoutingPorts) -> DeactivateScorerOutput:
    """Deactivate the schema's model; it stays stored, and `fairlead scorer activate` brings it back."""
    version = await ports.upkeep.deactivate(given.schema_name)
    await ports.work.note(
        "deactivated", "No model is active now: the decision table scores, people assign.", model_version=version
    )
    return DeactivateScorerOutput(deactivated_version=version)
