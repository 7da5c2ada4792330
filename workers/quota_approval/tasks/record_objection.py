"""Record whether a rep objects to their quota, by Camunda's own record of who answered."""

from __future__ import annotations

from typing import Literal

from workers.quota_approval.domain.cases import Objector
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.quota_approval.ports.cases import ObjectionRefused
from workers.runtime.task import Contract, task

ELEMENT = "object_to_quota"
"""The user task."""


class RecordObjectionInput(Contract):
    """The form's answers."""

    quota_id: str
    organisation: str
    objector: Objector
    objection_key: str
    objection_choice: Literal["agree", "object"]
    objection_reason: str | None = None


class RecordObjectionOutput(Contract):
    """What became of it."""

    objected: bool


@task(business_id="quota_id", effect="once", loop="objection_key", errors=(ObjectionRefused,), timeout_seconds=90)
async def record_objection(given: RecordObjectionInput, ports: QuotaApprovalPorts) -> RecordObjectionOutput:
    """An objection opens this quota again, and no other.

    Raises:
        ObjectionRefused: somebody else answered, or gave no reason; brings ``objection_problem``.
    """
    node, reason = given.objector.node, (given.objection_reason or "").strip()
    login = await ports.done.by_whom(ports.work.job.process_instance_key, ELEMENT, given.objection_key)
    people = await ports.book.people(given.organisation)
    if login not in {one.login for one in people if one.node == node and one.role == "rep"}:
        raise _refused(f"{login or 'Nobody'} answered; only whose quota it is may.")
    objects = given.objection_choice == "object"
    if objects and not reason:
        raise _refused("An objection needs a reason.")
    case = await ports.cases.case(given.quota_id, node)
    if objects:
        await ports.cases.raise_objection(given.quota_id, node, reason)
    seen = {"choice": given.objection_choice, "quota": case.quota, "odds": case.fact.odds, "reason": reason}
    await ports.cases.sign(given.quota_id, node, "answered", str(login), ports.clock(), seen)
    await ports.work.note("objected" if objects else "agreed", "The rep answered.", actor=login, node=node)
    return RecordObjectionOutput(objected=objects)


def _refused(why: str) -> ObjectionRefused:
    return ObjectionRefused(why, variables={"objection_problem": why})
