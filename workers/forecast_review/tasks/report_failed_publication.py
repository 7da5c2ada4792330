"""Tell that a forecast was not published, and prepare the decision what becomes of it."""

from __future__ import annotations

from workers.forecast_review.domain import letters
from workers.forecast_review.domain.publication import ReleaseFacts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.office.letters import CHANNEL
from workers.office.publication import PublicationResult
from workers.runtime.task import Contract, task


class ReportFailedPublicationInput(Contract):
    """Which attempt, and what the targets said."""

    forecast_id: str
    organisation: str
    organisation_name: str
    release: int
    release_facts: ReleaseFacts
    publication: PublicationResult
    publication_sla: Sla


class ReportFailedPublicationOutput(Contract):
    """What the form shows, and until when to decide."""

    failure_text: str
    publication_deadlines: Deadlines


@task(business_id="forecast_id", effect="once", loop="release")
async def report_failed_publication(
    given: ReportFailedPublicationInput, ports: ForecastReviewPorts
) -> ReportFailedPublicationOutput:
    """Write to sales operations; deadlines count from now."""
    letter = letters.publication_failed(given.organisation_name, given.publication.why, link=ports.notices.tasks)
    await ports.work.send(CHANNEL, letter.to(await ports.notices.addresses(given.forecast_id, "sales-ops")))
    await ports.work.note(
        "publication_failed",
        given.publication.why,
        version=given.release_facts.published_version,
        targets={one.target: one.state for one in given.publication.targets},
    )
    return ReportFailedPublicationOutput(
        failure_text=f"Version {given.release_facts.published_version}: {given.publication.why}.",
        publication_deadlines=await deadlines(ports.book, given.organisation, given.publication_sla, ports.clock()),
    )
