"""Keep who let a version out, or sent it back."""

from __future__ import annotations

from typing import Literal

from workers.forecast_review.domain.publication import ReleaseFacts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class ReleaseRule(Contract):
    """What the decision table says."""

    level: Literal["none", "manager", "director", "finance"]
    """``none``: the version goes out without anybody's word."""
    group: str
    why: str


class RecordReleaseInput(Contract):
    """The version and the word of who decided; nobody did where the level is ``none``."""

    forecast_id: str
    release: int
    release_facts: ReleaseFacts
    release_rule: ReleaseRule
    release_choice: Literal["approve", "reject"] | None = None
    release_comment: str | None = None
    releaser: str | None = None
    """Log-in of who completed the task."""


class RecordReleaseOutput(Contract):
    """What the diagram goes on with."""

    released: bool


@task(business_id="forecast_id", effect="once", loop="release")
async def record_release(given: RecordReleaseInput, ports: ForecastReviewPorts) -> RecordReleaseOutput:
    """Note the decision beside the version. An approval that was asked for and did not come is a rejection."""
    nobody = given.release_rule.level == "none"
    choice: Literal["approve", "reject"] = "approve" if nobody else given.release_choice or "reject"
    who = given.releaser or ("rule" if nobody else given.release_rule.level)
    await ports.publication.release(
        given.release_facts.published_version,
        choice,
        level=given.release_rule.level,
        decided_by=who,
        comment=given.release_comment or "",
        at=ports.clock(),
    )
    await ports.work.note(
        "released" if choice == "approve" else "sent_back",
        "Nobody's approval was needed." if nobody else f"{who}: {given.release_comment or 'no comment'}",
        actor=given.releaser,
        version=given.release_facts.published_version,
        level=given.release_rule.level,
    )
    return RecordReleaseOutput(released=choice == "approve")
