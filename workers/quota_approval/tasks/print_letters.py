"""Print the letters to the reps; they are sent when every system has the quotas."""

from __future__ import annotations

from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class PrintLettersInput(Contract):
    """Which version, at which attempt."""

    quota_id: str
    organisation: str
    release: int
    published_version: str


class PrintLettersOutput(Contract):
    """How many there are."""

    letters_printed: int


@task(business_id="quota_id", effect="once", loop="release", timeout_seconds=900)
async def print_letters(given: PrintLettersInput, ports: QuotaApprovalPorts) -> PrintLettersOutput:
    """A PDF for each rep with a log-in."""
    organisation = await ports.book.organisation(given.organisation)
    people = await ports.book.people(given.organisation)
    count = await ports.publication.print_letters(given.published_version, organisation, people, ports.clock())
    ports.work.record(version=given.published_version)
    await ports.work.note("letters_printed", f"{count} letters.", version=given.published_version)
    return PrintLettersOutput(letters_printed=count)
