"""Have a target go back to what it had before `publish_quotas`."""

from __future__ import annotations

from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class RestoreQuotasInput(Contract):
    """Which publication is undone."""

    quota_id: str
    release_key: str


class RestoreQuotasOutput(Contract):
    """Whether there was anything to undo."""

    quotas_restored: bool


@task(business_id="quota_id", effect="once", loop="release_key", undoes="publish_quotas", after_close=True)
async def restore_quotas(given: RestoreQuotasInput, ports: QuotaApprovalPorts) -> RestoreQuotasOutput:
    """Undo the recorded change, behind it in the outbox; the target knows what was there before."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return RestoreQuotasOutput(quotas_restored=False)
    await ports.publication.recall(recorded["version"], recorded["target"], recorded["change_id"])
    target = recorded["target"].upper()
    await ports.work.note("recalled", f"The {target} goes back to its former version.", undone=recorded["version"])
    return RestoreQuotasOutput(quotas_restored=True)
