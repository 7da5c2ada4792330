"""Collect what quotas are planned from, as it is now."""

from __future__ import annotations

from workers.quota_approval.domain.plans import Collected
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.quota_approval.ports.planning import InputsUnusable
from workers.runtime.task import Contract, task


class CollectInputsInput(Contract):
    """Which review, the how-manieth time."""

    quota_id: str
    organisation: str
    collection: int


class CollectInputsOutput(Contract):
    """Where it is kept."""

    inputs: Collected


@task(business_id="quota_id", effect="once", loop="collection", errors=(InputsUnusable,), timeout_seconds=120)
async def collect_inputs(given: CollectInputsInput, ports: QuotaApprovalPorts) -> CollectInputsOutput:
    """Keep a copy of forecast, pipeline, territories, reps and results.

    Raises:
        InputsUnusable: nothing can be planned from it; brings ``plan_why``.
    """
    organisation = await ports.book.organisation(given.organisation)
    found = await ports.inputs.collect(await ports.book.review(given.quota_id), organisation, given.collection)
    await ports.work.note(
        "inputs_collected",
        f"{found.rows} rows of {found.tables} tables.",
        input_id=found.input_id,
        forecast=found.forecast,
    )
    return CollectInputsOutput(inputs=found)
