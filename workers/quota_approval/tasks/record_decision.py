"""Record what a person decided about a quota, by Camunda's own record of who that was."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from workers.quota_approval.domain.cases import AdjustReason, Choice, Waiting, after_approval, after_rejection
from workers.quota_approval.domain.people import Person, deciders
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.quota_approval.ports.cases import DecisionRefused
from workers.runtime.task import Contract, task

ELEMENT = "approve_quota"
"""The user task."""


class RecordDecisionInput(Contract):
    """The form's answers. Who gave them is not among these: a form, or an API client, could say anybody."""

    quota_id: str
    organisation: str
    approval: Waiting
    approval_key: str
    decision_choice: Choice
    adjust_amount: float | None = None
    adjust_reason: AdjustReason | None = None
    decision_comment: str | None = None
    delegate_to: str | None = None


class RecordDecisionOutput(Contract):
    """Where the process goes on."""

    decision_result: Literal["done", "next", "adjust"]
    """``next``: somebody else decides now; ``adjust``: the rest of the unit is split again."""
    decided_by: str


@task(business_id="quota_id", effect="once", loop="approval_key", errors=(DecisionRefused,), timeout_seconds=90)
async def record_decision(given: RecordDecisionInput, ports: QuotaApprovalPorts) -> RecordDecisionOutput:
    """Four eyes, and whose turn it is: nobody decides about their own quota, nor about what they set.

    Raises:
        DecisionRefused: who decided may not, or something is missing; brings ``approval_problem``.
    """
    node = given.approval.node
    login = await ports.done.by_whom(ports.work.job.process_instance_key, ELEMENT, given.approval_key)
    case = await ports.cases.case(given.quota_id, node)
    people = await ports.book.people(given.organisation)
    path = await ports.cases.path(given.quota_id, node)
    never = await ports.cases.deciders_so_far(given.quota_id, node)
    may = deciders(people, case.stage, path, never=never, at=ports.clock(), given_to=case.given_to)
    by = next((one for one in may if one.login == login), None)
    if by is None:
        raise _refused(_why_not(login, people, node, never, case.stage))
    comment = (given.decision_comment or "").strip()
    result: Literal["done", "next", "adjust"] = "next"
    if given.decision_choice == "adjust":
        if given.adjust_amount is None or given.adjust_amount < 0 or given.adjust_reason is None:
            raise _refused("An adjustment needs an amount and a reason.")
        result = "adjust"
    elif given.decision_choice == "reject":
        if not comment:
            raise _refused("A rejection needs a comment that says what is to change.")
        await ports.cases.hand_on(given.quota_id, node, after_rejection(case.stage), comment=comment)
    elif given.decision_choice == "delegate":
        heir = next((one for one in people if one.login == given.delegate_to), None)
        if heir is None or not deciders(
            people, case.stage, path, never=[*never, by.login], at=ports.clock(), given_to=heir.login
        ):
            raise _refused(f"{given.delegate_to or 'Nobody'} cannot decide about this quota; name somebody else.")
        await ports.cases.hand_on(given.quota_id, node, case.stage, given_to=heir.login)
    elif (following := after_approval(case, case.stage)) is not None:
        await ports.cases.hand_on(given.quota_id, node, following)
    else:
        result = "done"
        await ports.cases.settle(given.quota_id, node)
    seen = {
        "choice": given.decision_choice, "stage": case.stage, "quota": case.quota, "odds": case.fact.odds,
        "last_quota": case.fact.last_quota, "why": case.why, "comment": comment, "delegate_to": given.delegate_to,
        "amount": given.adjust_amount, "reason": given.adjust_reason,
    }  # fmt: skip
    await ports.cases.sign(given.quota_id, node, "decided", by.login, ports.clock(), seen)
    await ports.work.note(
        f"quota_{given.decision_choice}",
        f"{case.stage} decided.",
        actor=by.login,
        node=node,
        comment_given=bool(comment),
    )
    return RecordDecisionOutput(decision_result=result, decided_by=by.login)


def _why_not(login: str | None, people: Sequence[Person], node: str, never: Collection[str], stage: str) -> str:
    person = next((one for one in people if one.login == login), None)
    if login is None:
        return "Nobody had claimed this task, so nobody is known to have decided. Please claim it first."
    if person is None:
        return f"{login} is not among the people of this organisation."
    if person.node == node:
        return f"It is {login}'s own quota; somebody else has to decide about it."
    if login in never:
        return f"{login} set this quota; somebody else has to approve it."
    return f"{login} is not one of those who decide here ({stage})."


def _refused(why: str) -> DecisionRefused:
    return DecisionRefused(why, variables={"approval_problem": why})
