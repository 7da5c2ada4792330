"""Give each opportunity its chance to be won, by the model."""

from __future__ import annotations

from workers.opportunity_prioritisation.domain.ranking import Scored
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.opportunity_prioritisation.ports.models import WinModelUnavailable
from workers.runtime.task import Contract, task


class ScoreOpportunitiesInput(Contract):
    """Which ranking."""

    prioritisation_id: str


class ScoreOpportunitiesOutput(Contract):
    """The model's version."""

    win_model: str


@task(business_id="prioritisation_id", effect="once", errors=(WinModelUnavailable,))
async def score_opportunities(given: ScoreOpportunitiesInput, ports: PrioritisationPorts) -> ScoreOpportunitiesOutput:
    """Ask the model in use, with its reasons.

    Raises:
        WinModelUnavailable: none is in use, or it can't be read.
    """
    model = await ports.models.active()
    found, at = await ports.book.kept(given.prioritisation_id)
    scored = [Scored(one, model.chance(one.opportunity, at), model.reasons(one.opportunity, at)) for one in found]
    await ports.book.keep_chances(given.prioritisation_id, scored, model.version)
    await ports.work.note("scored", "By the win model.", model=model.version)
    return ScoreOpportunitiesOutput(win_model=model.version)
