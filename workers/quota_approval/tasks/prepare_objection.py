"""Prepare what a rep sees of their quota before they object or not."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.quota_approval.domain import showing
from workers.quota_approval.domain.cases import Objector
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class ObjectionCase(Contract):
    """What the form shows."""

    title: str
    users: list[str]
    """The rep's log-in, and the mark by which Camunda's record of the task is found."""
    key: str
    """By which this time is told from others."""
    problem: str
    """Why the last answer did not count; empty: it did, or there was none."""
    lines: list[showing.Line]


class PrepareObjectionInput(Contract):
    """Whose quota."""

    quota_id: str
    organisation: str
    currency: str
    period: str
    objector: Objector
    objection_key: str
    objection_sla: Sla
    objections_close_at: AwareDatetime
    objection_problem: str | None = None


class PrepareObjectionOutput(Contract):
    """What the form shows, and until when to answer."""

    objection_case: ObjectionCase
    objection_deadlines: Deadlines


@task(business_id="quota_id", effect="idempotent")
async def prepare_objection(given: PrepareObjectionInput, ports: QuotaApprovalPorts) -> PrepareObjectionOutput:
    """The figures that who approved it saw."""
    node = given.objector.node
    case = await ports.cases.case(given.quota_id, node)
    people = await ports.book.people(given.organisation)
    due = await deadlines(
        ports.book, given.organisation, given.objection_sla, ports.clock(), not_after=given.objections_close_at
    )
    return PrepareObjectionOutput(
        objection_case=ObjectionCase(
            title=f"{case.fact.name}, {given.period}",
            users=[*(one.login for one in people if one.node == node and one.role == "rep"), given.objection_key],
            key=given.objection_key,
            problem=given.objection_problem or "",
            lines=showing.lines(case, given.currency),
        ),
        objection_deadlines=due,
    )
