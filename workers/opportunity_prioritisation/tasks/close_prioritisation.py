"""Close a ranking, so that the organisation's next one may start."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class ClosePrioritisationInput(Contract):
    """Which, and how it ended."""

    prioritisation_id: str
    ending: Literal["done", "nothing"]


class ClosePrioritisationOutput(Contract):
    """When."""

    prioritisation_closed_at: AwareDatetime


@task(business_id="prioritisation_id", effect="once")
async def close_prioritisation(
    given: ClosePrioritisationInput, ports: PrioritisationPorts
) -> ClosePrioritisationOutput:
    """End it in the book."""
    now = ports.clock()
    await ports.book.close(given.prioritisation_id, given.ending, now)
    why = "The day is done." if given.ending == "done" else "There is nothing to work on."
    await ports.work.note("closed", why)
    return ClosePrioritisationOutput(prioritisation_closed_at=now)
