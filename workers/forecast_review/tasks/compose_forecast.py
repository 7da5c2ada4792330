"""Put what people changed on what the models said, so that it adds up, as a new version."""

from __future__ import annotations

from workers.forecast_review.domain.composing import UnknownSegment, compose
from workers.forecast_review.domain.publication import ReleaseFacts, release_facts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.publication import version_of
from workers.runtime.errors import PermanentError
from workers.runtime.task import Contract, task


class Fitted(Contract):
    """What is needed of the fitted forecast."""

    version: str


class ComposeForecastInput(Contract):
    """Which review, and which of its releases."""

    forecast_id: str
    organisation: str
    release: int
    forecast: Fitted


class ComposeForecastOutput(Contract):
    """What decides who must approve it."""

    release_facts: ReleaseFacts


@task(business_id="forecast_id", effect="once", loop="release", timeout_seconds=300)
async def compose_forecast(given: ComposeForecastInput, ports: ForecastReviewPorts) -> ComposeForecastOutput:
    """Compose by the rule of `domain.composing` and keep the version; overrides that could not be kept are told."""
    base = await ports.publication.base(given.forecast.version)
    overrides = await ports.publication.approved(given.forecast_id)
    try:
        composed = compose(base.months, base.figures, [one.change for one in overrides])
    except UnknownSegment as error:
        raise PermanentError(f"{error} Reject that override in forecasting.overrides, then retry.") from error
    version = version_of(given.forecast_id, given.release)
    former = await ports.publication.former_totals(given.organisation, given.forecast_id)
    facts = release_facts(version, base, composed, overrides, former)
    await ports.publication.store(
        given.forecast_id, given.release, given.organisation, base, composed, overrides, facts
    )
    conflicts = f" {facts.conflict_count} could not be kept in full." if facts.conflict_count else ""
    await ports.work.note(
        "composed",
        f"{facts.overrides} segments were changed by people.{conflicts}",
        version=version,
        run_version=base.run_version,
        overrides=facts.overrides,
        conflicts=facts.conflict_count,
        total=facts.total,
    )
    return ComposeForecastOutput(release_facts=facts)
