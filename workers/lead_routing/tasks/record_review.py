"""Record what a person decided about a scorer."""

from __future__ import annotations

from workers.lead_routing.domain.upkeep import REVIEWED, Challenger, Choice, Drift, choices
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.errors import PermanentError
from workers.runtime.task import Contract, task


class RecordReviewInput(Contract):
    """The form's answers, and on what they were given."""

    scorer_id: str
    attempt: str
    drift: Drift
    challenger: Challenger | None = None
    review_choice: Choice
    review_note: str | None = None


class RecordReviewOutput(Contract):
    """Where the process goes on."""

    decision: Choice
    attempt: str


@task(business_id="scorer_id", effect="once", loop="attempt")
async def record_review(given: RecordReviewInput, ports: LeadRoutingPorts) -> RecordReviewOutput:
    """Note the decision: a kept model is left in peace for a while, which the next checks read from here."""
    if given.review_choice not in choices(given.challenger):
        raise PermanentError(
            "There is no new model to activate. Set the variable review_choice to keep or fall_back, then retry."
        )
    # The note is free text and may hold personal data; the engine keeps it with the task.
    await ports.work.note(
        REVIEWED,
        {
            "keep": "A person decided to keep the present model.",
            "activate": "A person decided to use the new model.",
            "fall_back": "A person decided to use no model.",
        }[given.review_choice],
        choice=given.review_choice,
        model_version=given.drift.model_version,
        decided_at=ports.clock().isoformat(),
        note_given=bool(given.review_note),
    )
    check_id, _, number = given.attempt.rpartition("/")
    return RecordReviewOutput(decision=given.review_choice, attempt=f"{check_id}/{int(number) + 1}")
