"""Open an alignment of an organisation's territories: one at a time."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.organisation import LIVE, Reason
from workers.territory_alignment.ports import TerritoryAlignmentPorts
from workers.territory_alignment.ports.book import AlignmentUnderWay


class OpenAlignmentInput(Contract):
    """Whose territories, why, and who asked."""

    alignment_id: str
    organisation: str
    reason: Reason = "by_hand"
    asked_by: str = "a person"
    note: str | None = None
    """Why now, in the words of who asked."""


class OpenAlignmentOutput(Contract):
    """What the rest of the process needs of the organisation."""

    organisation_name: str
    currency: str
    """Of potentials; may be empty."""
    solve_seconds: float
    live: bool
    """A rep left or joined: only what has to move moves."""


@task(business_id="alignment_id", effect="once", errors=(AlignmentUnderWay,))
async def open_alignment(given: OpenAlignmentInput, ports: TerritoryAlignmentPorts) -> OpenAlignmentOutput:
    """Enter the alignment into the book.

    Raises:
        AlignmentUnderWay: another one of this organisation is open; brings ``joined``, its id.
    """
    found = await ports.book.organisation(given.organisation)
    await ports.book.open(given.alignment_id, found.id, given.reason, given.asked_by, ports.clock())
    await ports.work.note(
        "opened",
        f"New territories of {found.name} were asked for.",
        organisation=found.id,
        reason=given.reason,
        note_given=bool(given.note),
    )
    return OpenAlignmentOutput(
        organisation_name=found.name, currency=found.currency, solve_seconds=found.seconds, live=given.reason in LIVE
    )
