"""Prepare the question what to do about a plan that is impossible or breaks rules of validation."""

from __future__ import annotations

from typing import Literal

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.quota_approval.domain.plans import PlanFacts
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class Validation(Contract):
    """What the table says of a plan."""

    action: Literal["go_on", "ask"]
    text: str
    """Each finding in words, as a Markdown list."""


class PrepareQuestionInput(Contract):
    """What is wrong."""

    quota_id: str
    organisation: str
    plan_why: str | None = None
    validation: Validation | None = None
    plan: PlanFacts | None = None
    plan_sla: Sla


class PlanOption(Contract):
    """A choice of the form."""

    label: str
    value: Literal["collect_again", "go_on", "stop"]


class PrepareQuestionOutput(Contract):
    """What the form shows."""

    question_text: str
    plan_options: list[PlanOption]
    plan_deadlines: Deadlines


@task(business_id="quota_id", effect="idempotent")
async def prepare_question(given: PrepareQuestionInput, ports: QuotaApprovalPorts) -> PrepareQuestionOutput:
    """In words, with the rules that clash; a plan that there is may be gone on with."""
    impossible = given.plan_why is not None
    if impossible:
        text = f"No plan can be made:\n\n{given.plan_why}"
    else:
        found = "" if given.validation is None else given.validation.text
        left_out = "" if given.plan is None else "\n".join(f"- {one}" for one in given.plan.problems)
        text = f"The plan breaks rules of validation:\n\n{found}" + (
            f"\n\nThe first findings:\n{left_out}" if left_out else ""
        )
    options = [PlanOption(label="Collect again and plan, after somebody corrected it", value="collect_again")]
    if not impossible:
        options.append(PlanOption(label="Go on with this plan", value="go_on"))
    options.append(PlanOption(label="Stop; the quotas before stay", value="stop"))
    due = await deadlines(ports.book, given.organisation, given.plan_sla, ports.clock())
    return PrepareQuestionOutput(question_text=text, plan_options=options, plan_deadlines=due)
