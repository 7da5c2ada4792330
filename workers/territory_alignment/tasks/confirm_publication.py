"""Ask how the version got on at the targets."""

from __future__ import annotations

from datetime import timedelta

from workers.office.publication import PublicationResult, outcome
from workers.runtime.task import Contract, task
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class ConfirmPublicationInput(Contract):
    """Which attempt."""

    alignment_id: str
    release: int
    give_up_minutes: float
    """After so long without an answer a target counts as having refused."""


class ConfirmPublicationOutput(Contract):
    """What the diagram goes on with."""

    publication: PublicationResult


@task(business_id="alignment_id", effect="none")
async def confirm_publication(
    given: ConfirmPublicationInput, ports: TerritoryAlignmentPorts
) -> ConfirmPublicationOutput:
    """Read what the targets said so far."""
    results, sent_at = await ports.publication.results(given.alignment_id, given.release)
    waited = (ports.clock() - sent_at) / timedelta(minutes=1)
    return ConfirmPublicationOutput(
        publication=outcome(results, waited_minutes=waited, give_up_minutes=given.give_up_minutes)
    )
