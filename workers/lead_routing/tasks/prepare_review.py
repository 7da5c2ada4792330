"""Prepare a person's decision about a scorer: why it is asked for, the figures, the choices, and until when."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.lead_routing.domain.upkeep import ASKED, Challenger, Choice, Drift, Verdict, choices, figures_table
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task

_LABELS: dict[Choice, str] = {
    "keep": "Keep the present model",
    "activate": "Use the new model",
    "fall_back": "Use no model: score by the decision table",
}


class ReviewSla(Contract):
    """Working minutes until somebody is reminded, the task is due, and it is escalated."""

    remind: float
    due: float
    escalate: float


class ReviewDeadlines(Contract):
    """Moments in the office hours of the sales organisation."""

    remind_at: AwareDatetime
    due_at: AwareDatetime
    escalate_at: AwareDatetime


class ReviewChoice(Contract):
    """One line of the form's list."""

    label: str
    value: Choice


class PrepareReviewInput(Contract):
    """What is known; which of it depends on the way that led here."""

    scorer_id: str
    schema_name: str
    drift: Drift
    challenger: Challenger | None = None
    verdict: Verdict | None = None
    cannot_train_why: str | None = None
    unfit_why: str | None = None
    review_sla: ReviewSla


class PrepareReviewOutput(Contract):
    """What the form shows."""

    review_why: str
    figures_text: str
    """Markdown table; empty without a new model."""
    review_choices: list[ReviewChoice]
    review_deadlines: ReviewDeadlines


@task(business_id="scorer_id", effect="idempotent")
async def prepare_review(given: PrepareReviewInput, ports: LeadRoutingPorts) -> PrepareReviewOutput:
    """Gather it; deadlines count from now."""
    now, sla = ports.clock(), given.review_sla
    calendar = await ports.reps.team_calendar(None)
    due = calendar.deadlines(now, {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate})
    why = given.unfit_why or given.cannot_train_why or (given.verdict.why if given.verdict else given.drift.advice)
    await ports.work.note(
        ASKED, why, audience="sales-ops", model_version=given.drift.model_version, due_at=due["due_at"].isoformat()
    )
    return PrepareReviewOutput(
        review_why=why,
        figures_text=figures_table(given.challenger),
        review_choices=[ReviewChoice(label=_LABELS[choice], value=choice) for choice in choices(given.challenger)],
        review_deadlines=ReviewDeadlines(**due),
    )
