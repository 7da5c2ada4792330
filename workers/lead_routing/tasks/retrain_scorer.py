"""Train a new model on the newest recorded outcomes, and hold it against the active one."""

from __future__ import annotations

from workers.lead_routing.domain.upkeep import Challenger
from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.upkeep import CannotTrain
from workers.runtime.task import Contract, task


class RetrainScorerInput(Contract):
    """Which scorer, and how many outcomes to learn from."""

    scorer_id: str
    schema_name: str
    check_id: str
    training_window: int
    """Newest recorded outcomes to learn from, in rows."""


class RetrainScorerOutput(Contract):
    """The new model, stored but not active."""

    challenger: Challenger


@task(business_id="scorer_id", effect="once", loop="check_id", errors=(CannotTrain,), timeout_seconds=600)
async def retrain_scorer(given: RetrainScorerInput, ports: LeadRoutingPorts) -> RetrainScorerOutput:
    """Train, store and compare; nothing is activated here.

    Raises:
        CannotTrain: too few outcomes, all of one kind, or a broken active model; brings "cannot_train_why".
    """
    challenger = await ports.upkeep.retrain(given.schema_name, rows=given.training_window, now=ports.clock())
    await ports.work.note(
        "retrained",
        challenger.why,
        model_version=challenger.version,
        better=challenger.better,
        drift_remains=challenger.drift_remains,
        auc=round(challenger.challenger_figures.auc, 4),
        brier=round(challenger.challenger_figures.brier, 5),
    )
    return RetrainScorerOutput(challenger=challenger)
