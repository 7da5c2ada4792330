"""Ask for a check of each scorer in use."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class AskChecksInput(Contract):
    """When the timer went off."""

    scorer_id: str
    occurrence: str


class AskChecksOutput(Contract):
    """Which scorers will be checked."""

    checks_asked_for: list[str]


@task(business_id="scorer_id", effect="once", loop="occurrence")
async def ask_checks(given: AskChecksInput, ports: LeadRoutingPorts) -> AskChecksOutput:
    """Send a message for each schema with an active model: each is checked in a process instance of its own."""
    schemas = [
        schema
        for schema in await ports.upkeep.watched()
        if await ports.upkeep.ask_check(schema, given.occurrence, "timer")
    ]
    return AskChecksOutput(checks_asked_for=schemas)
