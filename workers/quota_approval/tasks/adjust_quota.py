"""Set one quota as a person decided, and split the rest of its unit again at once."""

from __future__ import annotations

from decimal import Decimal

from pydantic import TypeAdapter

from workers.quota_approval.domain.cases import REASON_WORDS, AdjustReason, Fact, Waiting
from workers.quota_approval.domain.people import above
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.quota_approval.ports.planning import AdjustmentImpossible
from workers.runtime.task import Contract, task


class AdjustQuotaInput(Contract):
    """Which quota. How much, why and by whom stands in the signed trail: variables can be changed by who has the API."""

    quota_id: str
    approval: Waiting
    approval_key: str


class AdjustQuotaOutput(Contract):
    """The new version."""

    quota_fact: Fact
    """The quota as it is now, for the table that decides whose approval it needs."""


@task(business_id="quota_id", effect="once", loop="approval_key", errors=(AdjustmentImpossible,), timeout_seconds=300)
async def adjust_quota(given: AdjustQuotaInput, ports: QuotaApprovalPorts) -> AdjustQuotaOutput:
    """Whoever moved is looked at again, and who set the quota does not approve it.

    Raises:
        AdjustmentImpossible: the others cannot take the rest; brings ``approval_problem``.
    """
    node, review = given.approval.node, await ports.book.review(given.quota_id)
    before = await ports.cases.case(given.quota_id, node)
    by, decided = await ports.cases.last_decision(given.quota_id, node)
    reason = TypeAdapter(AdjustReason).validate_python(decided["reason"])
    cents = round(Decimal(str(decided["amount"])) * 100)
    await ports.planner.adjust(review, node, cents, REASON_WORDS[reason])
    await ports.cases.adjusted(given.quota_id, node, by, reason, above(before.stage))
    seen = {"before": before.quota, "quota": cents, "reason": reason, "stage": before.stage}
    await ports.cases.sign(given.quota_id, node, "adjusted", by, ports.clock(), seen)
    await ports.work.note("adjusted", REASON_WORDS[reason], actor=by, node=node)
    return AdjustQuotaOutput(quota_fact=(await ports.cases.case(given.quota_id, node)).fact)
