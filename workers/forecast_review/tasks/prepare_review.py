"""Prepare the review of one segment: everything that a person needs to decide, on one page."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.forecast_review.domain import showing
from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task


class Case(Contract):
    """What the form shows of a segment."""

    segment: str
    title: str
    summary: str
    why: str
    """Markdown list."""
    sent_back: str
    """Markdown list of who sent it back and why; empty at first."""
    chart_url: str
    months: list[showing.MonthRow]
    years: list[showing.YearRow]
    facts: list[showing.FactRow]
    months_to_edit: list[showing.MonthFigure]


class PrepareReviewInput(Contract):
    """Which segment, and what was said of it before."""

    forecast_id: str
    organisation: str
    organisation_name: str
    currency: str
    forecast: Run
    review: ToReview
    case_sla: Sla
    reviews_close_at: AwareDatetime
    override_problem: str | None = None
    approval_comment: str | None = None
    release_comment: str | None = None


class PrepareReviewOutput(Contract):
    """What the form shows, and until when to decide."""

    case: Case
    case_deadlines: Deadlines


@task(business_id="forecast_id", effect="idempotent")
async def prepare_review(given: PrepareReviewInput, ports: ForecastReviewPorts) -> PrepareReviewOutput:
    """Gather it; deadlines count from now, but nothing is due later than reviews are closed."""
    segment = given.review.segment
    found = await ports.reviews.case(given.forecast_id, given.forecast.version, segment)
    rows = showing.year_rows(found)
    unit = f" {given.currency}" if given.currency else ""
    summary = (
        f"Forecast of the {rows[-1].year.lower()}: **{rows[-1].total}**{unit}, {rows[-1].growth} on the year before"
    )
    if found.earlier is not None:
        summary += (
            f". A change by {found.earlier.by} is {found.earlier.state}; its figures are below, and standing by the "
            "forecast takes it back"
        )
    return PrepareReviewOutput(
        case=Case(
            segment=segment,
            title=showing.title(segment, given.organisation_name),
            summary=f"{summary}.",
            why=showing.why_text(found),
            sent_back=showing.sent_back_text(
                [
                    ("Your change", given.override_problem),
                    ("Who had to approve", given.approval_comment),
                    ("Who had to release", given.release_comment),
                ]
            ),
            chart_url=ports.pictures.link(given.forecast.version, segment),
            months=showing.month_rows(found),
            years=rows,
            facts=showing.fact_rows(found),
            months_to_edit=showing.months_to_edit(found),
        ),
        case_deadlines=await deadlines(
            ports.book, given.organisation, given.case_sla, ports.clock(), not_after=given.reviews_close_at
        ),
    )
