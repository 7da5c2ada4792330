"""Read the facts of one page of quotas, for the decision table."""

from __future__ import annotations

from workers.quota_approval.domain.cases import Fact
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class ReadQuotasInput(Contract):
    """Which page."""

    quota_id: str
    quota_page: int


class ReadQuotasOutput(Contract):
    """So few that they fit into variables."""

    page_quotas: list[Fact]


@task(business_id="quota_id", effect="none")
async def read_quotas(given: ReadQuotasInput, ports: QuotaApprovalPorts) -> ReadQuotasOutput:
    """Facts as they stand now."""
    return ReadQuotasOutput(page_quotas=list(await ports.cases.page(given.quota_id, given.quota_page)))
