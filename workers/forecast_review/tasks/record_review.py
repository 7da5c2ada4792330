"""Record what a person said of a segment: the forecast stands, or it is changed, for a reason."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.forecast_review.domain import showing
from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.domain.reviews import Answer, ChangeRefused, Kind, Reason, change_of
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.forecast_review.ports.reviews import OverrideInvalid
from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task


class MonthAnswer(Contract):
    """A month as the form gives it back."""

    month: str
    value: float | None = None


class RecordReviewInput(Contract):
    """The form's answers."""

    forecast_id: str
    organisation: str
    review_key: str
    """Tells rounds apart: release, segment, and how often somebody answered."""
    forecast: Run
    review: ToReview
    reviews_close_at: AwareDatetime
    approval_sla: Sla
    review_choice: Answer
    reviewed_by: str = ""
    override_kind: Kind | None = None
    override_percent: float | None = None
    override_months: list[MonthAnswer] | None = None
    override_reason: Reason | None = None
    review_note: str | None = None


class OverrideFacts(Contract):
    """A change, as decision table and approver see it. Shares are relative: 0.05 is five percent."""

    percent: float
    """Of the segment's sum over the months ahead, signed."""
    moved: float
    """Ups and downs, both counted as positive, in relation to the segment's sum."""
    amount: float
    share_of_total: float
    """What was moved in relation to the forecast of the whole organisation."""
    text: str
    months: list[showing.ChangedRow]


class RecordReviewOutput(Contract):
    """What decides whose approval is needed."""

    override: OverrideFacts | None
    """None: the forecast stands."""
    approval_deadlines: Deadlines


@task(business_id="forecast_id", effect="once", loop="review_key", errors=(OverrideInvalid,))
async def record_review(given: RecordReviewInput, ports: ForecastReviewPorts) -> RecordReviewOutput:
    """Keep the answer; a change becomes a layer of its own, and replaces an earlier one.

    Raises:
        OverrideInvalid: the change breaks a rule; brings ``override_problem``.
    """
    segment, note, by = given.review.segment, given.review_note or "", given.reviewed_by or given.review.group
    case = await ports.reviews.case(given.forecast_id, given.forecast.version, segment)
    change = None
    if given.review_choice == "override":
        try:
            change = change_of(
                case.forecast,
                case.organisation_total,
                kind=given.override_kind,
                percent=given.override_percent,
                months={one.month: one.value for one in given.override_months or ()},
                reason=given.override_reason,
                note=note,
            )
        except ChangeRefused as error:
            raise OverrideInvalid(str(error), variables={"override_problem": str(error)}) from error
    await ports.reviews.answer(
        given.forecast_id, given.review_key, segment, given.review_choice, by=by, note=note, at=ports.clock()
    )
    facts = {"segment": segment, "note_given": bool(note)}
    due = await deadlines(
        ports.book, given.organisation, given.approval_sla, ports.clock(), not_after=given.reviews_close_at
    )
    if change is None or given.override_reason is None:
        await ports.work.note("reviewed", "The forecast stands.", actor=by, **facts)
        return RecordReviewOutput(override=None, approval_deadlines=due)
    await ports.reviews.propose(
        given.forecast_id,
        given.review_key,
        segment,
        change,
        reason=given.override_reason,
        note=note,
        by=by,
        at=ports.clock(),
    )
    words = showing.REASON_WORDS[given.override_reason]
    await ports.work.note("reviewed", f"Changed: {words}.", actor=by, percent=change.percent, **facts)
    return RecordReviewOutput(
        override=OverrideFacts(
            percent=change.percent,
            moved=change.moved,
            amount=change.amount,
            share_of_total=change.share_of_total,
            text=showing.bullets(
                [f"{showing.percent(change.percent)} by {by}", f"Reason: {words}", f"Note: {note}" if note else ""]
            ),
            months=showing.changed_rows(case, change),
        ),
        approval_deadlines=due,
    )
