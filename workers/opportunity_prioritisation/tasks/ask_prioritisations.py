"""Ask for a ranking of every organisation's opportunities."""

from __future__ import annotations

from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class AskPrioritisationsInput(Contract):
    """Which morning."""

    prioritisation_id: str
    """Of the round, no ranking's."""


class AskPrioritisationsOutput(Contract):
    """What was asked for."""

    asked_for: list[str]


@task(business_id="prioritisation_id", effect="once")
async def ask_prioritisations(given: AskPrioritisationsInput, ports: PrioritisationPorts) -> AskPrioritisationsOutput:
    """Start each by message, so that one that cannot be made keeps no other waiting."""
    asked = list(await ports.book.ask_all(ports.clock()))
    await ports.work.note("rankings_asked", "It is morning.", count=len(asked))
    return AskPrioritisationsOutput(asked_for=asked)
