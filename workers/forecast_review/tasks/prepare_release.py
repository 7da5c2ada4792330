"""Prepare the decision whether a forecast is released: the figures, what people changed, and until when to decide."""

from __future__ import annotations

from workers.forecast_review.domain import showing
from workers.forecast_review.domain.publication import ReleaseFacts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task


class ReleaseChange(Contract):
    """A changed segment, as the form shows it."""

    segment: str
    change: str
    reason: str
    who: str
    approved_by: str


class PrepareReleaseInput(Contract):
    """Which version."""

    forecast_id: str
    organisation: str
    currency: str
    release_facts: ReleaseFacts
    release_sla: Sla


class PrepareReleaseOutput(Contract):
    """What the form shows."""

    release_text: str
    conflicts_text: str
    """Markdown list; empty where all changes could be kept."""
    release_changes: list[ReleaseChange]
    """The largest, at most 50."""
    release_deadlines: Deadlines


SHOWN = 50


@task(business_id="forecast_id", effect="idempotent")
async def prepare_release(given: PrepareReleaseInput, ports: ForecastReviewPorts) -> PrepareReleaseOutput:
    """Gather it; deadlines count from now."""
    facts = given.release_facts
    changes = await ports.reviews.changes(given.forecast_id)
    return PrepareReleaseOutput(
        release_text=showing.release_text(facts, given.currency),
        conflicts_text=showing.bullets(facts.conflicts),
        release_changes=[
            ReleaseChange(
                segment=one.segment,
                change=showing.percent(one.percent),
                reason=showing.REASON_WORDS[one.reason],
                who=one.by,
                approved_by=one.approved_by,
            )
            for one in changes[:SHOWN]
        ],
        release_deadlines=await deadlines(ports.book, given.organisation, given.release_sla, ports.clock()),
    )
