"""Try the model just activated on real leads."""

from __future__ import annotations

from workers.lead_routing.domain.upkeep import Trial
from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.upkeep import ScorerUnfit
from workers.runtime.task import Contract, task


class TryScorerInput(Contract):
    """Which scorer, and on how many of the newest leads."""

    scorer_id: str
    schema_name: str
    trial_leads: int


class TryScorerOutput(Contract):
    """How it went."""

    trial: Trial


@task(business_id="scorer_id", effect="idempotent", errors=(ScorerUnfit,), timeout_seconds=120)
async def try_scorer(given: TryScorerInput, ports: LeadRoutingPorts) -> TryScorerOutput:
    """Read the active model back as a worker does, and score recent leads with it.

    Raises:
        ScorerUnfit: it cannot be read, or scores none of them; brings "unfit_why".
    """
    trial = await ports.upkeep.try_active(given.schema_name, leads=given.trial_leads)
    await ports.work.note(
        "tried",
        f"It scored {trial.scored} of the newest {trial.leads} leads, the slowest in {trial.slowest_ms:.1f} ms.",
        model_version=trial.model_version,
    )
    return TryScorerOutput(trial=trial)
