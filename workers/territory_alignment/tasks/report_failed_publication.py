"""Tell that territories were not published, and prepare the decision what becomes of them."""

from __future__ import annotations

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.office.letters import CHANNEL
from workers.office.publication import PublicationResult
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain import letters
from workers.territory_alignment.domain.release import ReleaseFacts
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class ReportFailedPublicationInput(Contract):
    """Which attempt, and what the targets said."""

    alignment_id: str
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


@task(business_id="alignment_id", effect="once", loop="release")
async def report_failed_publication(
    given: ReportFailedPublicationInput, ports: TerritoryAlignmentPorts
) -> ReportFailedPublicationOutput:
    """Write to sales operations; deadlines count from now."""
    why = given.publication.why
    letter = letters.publication_failed(given.organisation_name, why, link=ports.notices.tasks)
    await ports.work.send(CHANNEL, letter.to(await ports.notices.addresses(given.alignment_id, "sales-ops")))
    await ports.work.note(
        "publication_failed",
        why,
        version=given.release_facts.published_version,
        targets={one.target: one.state for one in given.publication.targets},
    )
    return ReportFailedPublicationOutput(
        failure_text=f"Version {given.release_facts.published_version}: {why}.",
        publication_deadlines=await deadlines(ports.book, given.organisation, given.publication_sla, ports.clock()),
    )
