"""End an alignment without new territories: a person decided so."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.runtime.task import Contract, task
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class StopAlignmentInput(Contract):
    """Which alignment, and what became of it."""

    alignment_id: str
    stop_as: Literal["stopped", "failed"]
    """``failed``: a target refused the new version."""
    data_note: str | None = None
    clash_note: str | None = None
    publication_note: str | None = None


class StopAlignmentOutput(Contract):
    """When it ended."""

    stopped_at: AwareDatetime


@task(business_id="alignment_id", effect="once")
async def stop_alignment(given: StopAlignmentInput, ports: TerritoryAlignmentPorts) -> StopAlignmentOutput:
    """Close the alignment in the book, so that the organisation's next one may start."""
    now = ports.clock()
    await ports.book.close(given.alignment_id, given.stop_as, now)
    await ports.work.note(
        "stopped",
        "A person decided to leave the territories as they are.",
        state=given.stop_as,
        note_given=bool(given.data_note or given.clash_note or given.publication_note),
    )
    return StopAlignmentOutput(stopped_at=now)
