"""Score a lead with the active model."""

from __future__ import annotations

from dataclasses import asdict

from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Enrichment
from workers.lead_routing.domain.score import Score
from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.scorer import ScorerUnavailable
from workers.runtime.task import Contract, task


class ScoreLeadInput(Contract):
    """The lead and what the CRM knows of its account."""

    lead_id: str
    lead: Lead
    enrichment: Enrichment | None = None


class ScoreLeadOutput(Contract):
    """The score with its reasons."""

    score: Score


@task(business_id="lead_id", effect="idempotent", errors=(ScorerUnavailable,), timeout_seconds=20)
async def score_lead(given: ScoreLeadInput, ports: LeadRoutingPorts) -> ScoreLeadOutput:
    """Score the lead and store the score.

    Raises:
        ScorerUnavailable: no model, a broken one, or a lead that lacks what the model needs.
    """
    score = await ports.scorer.score(given.lead, given.enrichment)
    await ports.leads.set_score(given.lead_id, score)
    await ports.work.note(
        "scored",
        f"{score.band}, {score.value:.2f}.",
        band=score.band,
        value=round(score.value, 4),
        model_version=score.model_version,
        moved_by=[reason.feature for reason in score.reasons],
        # The tables read it next, and the CRM may say otherwise tomorrow: a replay needs what was known now.
        company=asdict(given.enrichment) if given.enrichment else None,
    )
    return ScoreLeadOutput(score=score)
