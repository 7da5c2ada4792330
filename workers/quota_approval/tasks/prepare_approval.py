"""Prepare the decision about one quota: all that a person needs, on one page, and who may decide."""

from __future__ import annotations

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.quota_approval.domain import showing
from workers.quota_approval.domain.cases import Waiting
from workers.quota_approval.domain.people import GROUPS, Stage, above, deciders
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class QuotaCase(Contract):
    """What the form shows of a quota."""

    title: str
    group: str
    stage: Stage
    users: list[str]
    """Log-ins of those who may decide, and the mark by which Camunda's record of the task is found."""
    why: str
    """Markdown list."""
    key: str
    """By which this time is told from others."""
    problem: str
    """Why the last answer did not count; empty: it did, or there was none."""
    lines: list[showing.Line]
    roll_up: list[showing.RollUp]
    peers: list[showing.Peer]
    quota: float
    """Money."""


class PrepareApprovalInput(Contract):
    """Which quota, the how-manieth time."""

    quota_id: str
    organisation: str
    organisation_name: str
    currency: str
    approval: Waiting
    approval_key: str
    approval_sla: Sla
    approval_problem: str | None = None


class PrepareApprovalOutput(Contract):
    """What the form shows, and until when to decide."""

    quota_case: QuotaCase
    approval_deadlines: Deadlines


@task(business_id="quota_id", effect="idempotent")
async def prepare_approval(given: PrepareApprovalInput, ports: QuotaApprovalPorts) -> PrepareApprovalOutput:
    """Whoever is away is stood in for, and where nobody may decide, whoever is above does; nobody decides about their own
    quota, nor about what they set.
    """
    node, now = given.approval.node, ports.clock()
    people = await ports.book.people(given.organisation)
    path = await ports.cases.path(given.quota_id, node)
    never = await ports.cases.deciders_so_far(given.quota_id, node)
    case = await ports.cases.case(given.quota_id, node)
    while not (may := deciders(people, case.stage, path, never=never, at=now, given_to=case.given_to)):
        if case.stage == "finance" and case.given_to is None:
            break  # the task waits for somebody whom the people's table names
        stage = case.stage if case.given_to else above(case.stage)
        await ports.cases.hand_on(given.quota_id, node, stage, comment=case.comment)
        case = await ports.cases.case(given.quota_id, node)
    return PrepareApprovalOutput(
        quota_case=QuotaCase(
            title=f"{case.fact.name} ({case.fact.level}), {given.organisation_name}",
            group=GROUPS[case.stage],
            stage=case.stage,
            users=[*(one.login for one in may), given.approval_key],
            why=showing.why_text(case),
            key=given.approval_key,
            problem=given.approval_problem or "",
            lines=showing.lines(case, given.currency),
            roll_up=list(await ports.cases.roll_up(given.quota_id, node)),
            peers=list(await ports.cases.peers(given.quota_id, node)),
            quota=case.quota / 100,
        ),
        approval_deadlines=await deadlines(ports.book, given.organisation, given.approval_sla, now),
    )
