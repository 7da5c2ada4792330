"""Tell that quotas were not published, and prepare the decision what becomes of it."""

from __future__ import annotations

from typing import Any

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.office.letters import CHANNEL
from workers.office.publication import PublicationResult
from workers.quota_approval.domain.letters import publication_failed
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class ReportFailedPublicationInput(Contract):
    """Which attempt, and what the targets said."""

    quota_id: str
    organisation: str
    organisation_name: str
    release: int
    published_version: str
    publication: PublicationResult
    publication_sla: Sla


class ReportFailedPublicationOutput(Contract):
    """What the form shows, and until when to decide."""

    failure_text: str
    publication_deadlines: Deadlines


@task(business_id="quota_id", effect="once", loop="release")
async def report_failed_publication(
    given: ReportFailedPublicationInput, ports: QuotaApprovalPorts
) -> ReportFailedPublicationOutput:
    """Write to sales operations; deadlines count from now."""
    why, now = given.publication.why, ports.clock()
    letter = publication_failed(given.organisation_name, why, link=ports.tasks)
    await ports.work.send(CHANNEL, letter.to(await ports.book.addresses(given.organisation, "sales-ops")))
    seen: dict[str, Any] = {  # Any: JSON
        "version": given.published_version,
        "targets": {one.target: one.state for one in given.publication.targets},
    }  # Any: JSON
    await ports.cases.sign(given.quota_id, None, "publication_failed", "the process", now, {**seen, "why": why})
    await ports.work.note("publication_failed", why, **seen)
    return ReportFailedPublicationOutput(
        failure_text=f"Version {given.published_version}: {why}.",
        publication_deadlines=await deadlines(ports.book, given.organisation, given.publication_sla, now),
    )
