"""Tell that a forecast was not published, and prepare the decision what becomes of it."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.forecast_review.domain import letters
from workers.forecast_review.domain.publication import PublicationResult, ReleaseFacts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.letters import CHANNEL
from workers.runtime.task import Contract, task


class PublicationSla(Contract):
    """Working minutes until somebody is reminded, the task is due, and it is escalated."""

    remind: float
    due: float
    escalate: float


class PublicationDeadlines(Contract):
    """Moments in the working time of the organisation."""

    remind_at: AwareDatetime
    due_at: AwareDatetime
    escalate_at: AwareDatetime


class ReportFailedPublicationInput(Contract):
    """Which attempt, and what the targets said."""

    forecast_id: str
    organisation: str
    organisation_name: str
    release: int
    release_facts: ReleaseFacts
    publication: PublicationResult
    publication_sla: PublicationSla


class ReportFailedPublicationOutput(Contract):
    """What the form shows, and until when to decide."""

    failure_text: str
    publication_deadlines: PublicationDeadlines


@task(business_id="forecast_id", effect="once", loop="release")
async def report_failed_publication(
    given: ReportFailedPublicationInput, ports: ForecastReviewPorts
) -> ReportFailedPublicationOutput:
    """Write to sales operations; deadlines count from now."""
    sla = given.publication_sla
    due = await ports.book.deadlines(
        given.organisation, {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate}, ports.clock()
    )
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
        publication_deadlines=PublicationDeadlines(**due),
    )
