"""Send the approved version to a target."""

from __future__ import annotations

from typing import Literal

from workers.office.publication import Sending, change_id
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.release import ReleaseFacts
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class PublishTerritoriesInput(Contract):
    """Which version, where to, and at which attempt."""

    alignment_id: str
    organisation: str
    release: int
    release_facts: ReleaseFacts
    target: Literal["crm", "routing"]
    release_key: str
    """Tells attempts and targets apart: ``1/crm``."""


class PublishTerritoriesOutput(Contract):
    """What an analyst may want to see of it."""

    change_id: str


@task(business_id="alignment_id", effect="once", loop="release_key")
async def publish_territories(
    given: PublishTerritoriesInput, ports: TerritoryAlignmentPorts
) -> PublishTerritoriesOutput:
    """Send it, by the outbox, as a new immutable version. `confirm_publication` tells what the target said."""
    version = given.release_facts.published_version
    change = change_id(given.alignment_id, given.release_key)
    organisation = await ports.book.organisation(given.organisation)
    await ports.publication.send(
        Sending(change, given.alignment_id, given.release, version, given.target, ports.clock()),
        used=given.target in organisation.targets,
    )
    ports.work.record(version=version, target=given.target, change_id=change)
    await ports.work.note("published", f"The {given.target} gets the version.", version=version)
    return PublishTerritoriesOutput(change_id=change)
