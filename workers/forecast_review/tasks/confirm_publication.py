"""Ask how the version got on at the targets."""

from __future__ import annotations

from datetime import timedelta

from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.publication import PublicationResult, outcome
from workers.runtime.task import Contract, task


class ConfirmPublicationInput(Contract):
    """Which attempt."""

    forecast_id: str
    release: int
    give_up_minutes: float
    """After so long without an answer a target counts as having refused."""


class ConfirmPublicationOutput(Contract):
    """What the diagram goes on with."""

    publication: PublicationResult


@task(business_id="forecast_id", effect="none")
async def confirm_publication(given: ConfirmPublicationInput, ports: ForecastReviewPorts) -> ConfirmPublicationOutput:
    """Read what the targets said so far."""
    results, sent_at = await ports.publication.results(given.forecast_id, given.release)
    waited = (ports.clock() - sent_at) / timedelta(minutes=1)
    return ConfirmPublicationOutput(
        publication=outcome(results, waited_minutes=waited, give_up_minutes=given.give_up_minutes)
    )
