"""Keep the approved quotas as a version that is never changed."""

from __future__ import annotations

from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.errors import PermanentError
from workers.runtime.task import Contract, task


class ComposeQuotasInput(Contract):
    """Which review, and which of its releases."""

    quota_id: str
    organisation: str
    release: int


class ComposeQuotasOutput(Contract):
    """The version."""

    published_version: str


@task(business_id="quota_id", effect="once", loop="release", timeout_seconds=120)
async def compose_quotas(given: ComposeQuotasInput, ports: QuotaApprovalPorts) -> ComposeQuotasOutput:
    """Whatever variables say: without an approval in the book there is no version."""
    if missing := await ports.cases.open_nodes(given.quota_id):
        named = ", ".join(missing[:5])
        raise PermanentError(
            f"{len(missing)} quotas are not approved ({named}). Somebody led the process past its approvals: withdraw "
            "this review and ask for another."
        )
    review = await ports.book.review(given.quota_id)
    version = await ports.publication.store(review, given.release, await ports.book.organisation(given.organisation))
    seen = {"version": version, "plan": review.version}
    await ports.cases.sign(given.quota_id, None, "composed", "the process", ports.clock(), seen)
    await ports.work.note("composed", "Every quota is approved.", **seen)
    return ComposeQuotasOutput(published_version=version)
