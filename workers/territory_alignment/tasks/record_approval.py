"""Keep who let new territories out, or sent them back."""

from __future__ import annotations

from typing import Literal

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.release import ReleaseFacts, involved
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class ApprovalRule(Contract):
    """What the decision table says."""

    level: Literal["none", "director", "finance"]
    """``none``: the version goes out without anybody's word."""
    group: str
    why: str


class RecordApprovalInput(Contract):
    """The version and the word of who decided; nobody did where the level is ``none``."""

    alignment_id: str
    release: int
    approval_key: str
    """Tells answers apart: the release, and how often somebody answered."""
    release_facts: ReleaseFacts
    approval_rule: ApprovalRule
    approval_choice: Literal["approve", "reject"] | None = None
    approval_comment: str | None = None
    approver: str | None = None
    """Log-in of who completed the task."""


class RecordApprovalOutput(Contract):
    """What the diagram goes on with."""

    approval_result: Literal["approve", "reject", "again"]
    """``again``: who had a hand in the plan cannot approve it."""
    approval_problem: str | None
    release: int
    look_regions: list[str] | None
    """None: all regions are looked at again after a rejection."""


@task(business_id="alignment_id", effect="once", loop="approval_key")
async def record_approval(given: RecordApprovalInput, ports: TerritoryAlignmentPorts) -> RecordApprovalOutput:
    """Note the decision beside the version, by four eyes. An approval that was asked for and did not come is a rejection."""
    nobody = given.approval_rule.level == "none"
    who = (given.approver or "").strip()
    if not nobody and (not who or involved(who, await ports.publication.editors(given.alignment_id))):
        problem = (
            f"{who or 'Somebody without a log-in'} asked for these territories or edited them; somebody else decides."
        )
        return RecordApprovalOutput(
            approval_result="again", approval_problem=problem, release=given.release, look_regions=None
        )
    choice: Literal["approve", "reject"] = "approve" if nobody else given.approval_choice or "reject"
    await ports.publication.approve(
        given.release_facts.published_version,
        choice,
        level=given.approval_rule.level,
        decided_by=who or "rule",
        comment=given.approval_comment or "",
        at=ports.clock(),
    )
    await ports.work.note(
        "approved" if choice == "approve" else "sent_back",
        "Nobody's approval was needed." if nobody else f"{given.approval_rule.level} decided.",
        actor=who or None,
        version=given.release_facts.published_version,
        comment_given=bool(given.approval_comment),
    )
    return RecordApprovalOutput(
        approval_result=choice,
        approval_problem=None,
        release=given.release + (choice == "reject"),
        look_regions=None,
    )
