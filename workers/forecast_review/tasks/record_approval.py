"""Record whether a person's change is approved."""

from __future__ import annotations

from typing import Literal

from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.people import same_person
from workers.runtime.task import Contract, task


class Approval(Contract):
    """What the decision table says."""

    level: Literal["none", "manager", "director", "finance"]
    """``none``: nobody has to approve."""
    group: str
    why: str


class RecordApprovalInput(Contract):
    """The change, and the word of who decided."""

    forecast_id: str
    review_key: str
    approval_key: str
    """Tells rounds apart: the review's key, and how often somebody decided about its change."""
    review: ToReview
    approval: Approval
    approval_choice: Literal["approve", "reject"]
    approved_by: str = ""
    reviewed_by: str = ""
    approval_comment: str | None = None


class RecordApprovalOutput(Contract):
    """Where the process goes on."""

    approval_result: Literal["approve", "reject", "again"]
    """``again``: who made the change cannot approve it."""
    approval_problem: str | None


@task(business_id="forecast_id", effect="once", loop="approval_key")
async def record_approval(given: RecordApprovalInput, ports: ForecastReviewPorts) -> RecordApprovalOutput:
    """Settle the change, by four eyes: nobody approves what they changed themselves."""
    if given.approval.level != "none" and same_person(given.approved_by, given.reviewed_by):
        problem = f"{given.approved_by} made this change; somebody else has to decide about it."
        return RecordApprovalOutput(approval_result="again", approval_problem=problem)
    approved = given.approval_choice == "approve"
    who = given.approved_by or given.approval.level
    comment = given.approval_comment or ""
    settled = await ports.reviews.settle(
        given.forecast_id, given.review_key, approved=approved, by=who, comment=comment
    )
    if settled:
        await ports.work.note(
            "override_approved" if approved else "override_rejected",
            "Nobody's approval was needed." if given.approval.level == "none" else f"{given.approval.level} decided.",
            actor=who,
            segment=given.review.segment,
            comment_given=bool(comment),
        )
    return RecordApprovalOutput(approval_result=given.approval_choice, approval_problem=None)
