"""Plan: split the target as fairly as the rules allow."""

from __future__ import annotations

from dataclasses import asdict

from workers.quota_approval.domain.plans import Collected, PlanFacts
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.quota_approval.ports.planning import PlanImpossible
from workers.runtime.task import Contract, task


class PlanQuotasInput(Contract):
    """Which inputs, and another target if a person set one."""

    quota_id: str
    organisation: str
    collection: int
    inputs: Collected
    plan_target: float | None = None
    """Money; None: what the organisation's rules say."""


class PlanQuotasOutput(Contract):
    """What the rules of validation read; the plan stays in the database."""

    plan: PlanFacts


@task(business_id="quota_id", effect="once", loop="collection", errors=(PlanImpossible,), timeout_seconds=300)
async def plan_quotas(given: PlanQuotasInput, ports: QuotaApprovalPorts) -> PlanQuotasOutput:
    """Plan in a process of its own, which ends with the job.

    Raises:
        PlanImpossible: rules clash, or time or memory did not suffice; brings ``plan_why``.
    """
    review = await ports.book.review(given.quota_id)
    organisation = await ports.book.organisation(given.organisation)
    plan = await ports.planner.plan(review, organisation, given.inputs.input_id, given.plan_target)
    await ports.cases.sign(given.quota_id, None, "planned", "the planner", ports.clock(), {"version": plan.version})
    facts = {name: value for name, value in asdict(plan).items() if name != "problems"}
    await ports.work.note("planned", f"{plan.nodes} quotas for {plan.reps} reps.", **facts)
    return PlanQuotasOutput(plan=plan)
