"""Prepare the decision whether a forecast is released: the figures, what people changed, and until when to decide."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.forecast_review.domain import showing
from workers.forecast_review.domain.publication import ReleaseFacts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class ReleaseSla(Contract):
    """Working minutes until somebody is reminded, the task is due, and it is escalated."""

    remind: float
    due: float
    escalate: float


class ReleaseDeadlines(Contract):
    """Moments in the working time of the organisation."""

    remind_at: AwareDatetime
    due_at: AwareDatetime
    escalate_at: AwareDatetime


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
    release_sla: ReleaseSla


class PrepareReleaseOutput(Contract):
    """What the form shows."""

    release_text: str
    conflicts_text: str
    """Markdown list; empty where all changes could be kept."""
    release_changes: list[ReleaseChange]
    """The largest, at most 50."""
    release_deadlines: ReleaseDeadlines


SHOWN = 50


@task(business_id="forecast_id", effect="idempotent")
async def prepare_release(given: PrepareReleaseInput, ports: ForecastReviewPorts) -> PrepareReleaseOutput:
    """Gather it; deadlines count from now."""
    sla, facts = given.release_sla, given.release_facts
    due = await ports.book.deadlines(
        given.organisation, {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate}, ports.clock()
    )
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
        release_deadlines=ReleaseDeadlines(**due),
    )
