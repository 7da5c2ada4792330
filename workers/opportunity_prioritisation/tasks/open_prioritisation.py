"""Open a ranking of an organisation's open opportunities: one at a time."""

from __future__ import annotations

from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.opportunity_prioritisation.ports.book import PrioritisationUnderWay
from workers.runtime.task import Contract, task


class OpenPrioritisationInput(Contract):
    """Whose, and who asked."""

    prioritisation_id: str
    organisation: str
    asked_by: str = "a person"


class OpenPrioritisationOutput(Contract):
    """What people call it."""

    organisation_name: str


@task(business_id="prioritisation_id", effect="once", errors=(PrioritisationUnderWay,))
async def open_prioritisation(given: OpenPrioritisationInput, ports: PrioritisationPorts) -> OpenPrioritisationOutput:
    """Enter it into the book.

    Raises:
        PrioritisationUnderWay: another one of this organisation is open; brings ``joined``, its id.
    """
    found = await ports.book.organisation(given.organisation)
    await ports.book.open(given.prioritisation_id, found.id, given.asked_by, ports.clock())
    await ports.work.note("opened", f"The open opportunities of {found.name} are ranked.", asked_by=given.asked_by)
    return OpenPrioritisationOutput(organisation_name=found.name)
