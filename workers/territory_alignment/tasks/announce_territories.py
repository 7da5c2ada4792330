"""Tell reps what they gain and lose, and everybody that there are new territories; the alignment ends."""

from __future__ import annotations

from workers.office.letters import CHANNEL
from workers.office.published import tell
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain import letters
from workers.territory_alignment.domain.release import ReleaseFacts
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class AnnounceTerritoriesInput(Contract):
    """What was published."""

    alignment_id: str
    organisation: str
    release_facts: ReleaseFacts


class AnnounceTerritoriesOutput(Contract):
    """How many people were written to."""

    announced_to: int


@task(business_id="alignment_id", effect="once", timeout_seconds=120)
async def announce_territories(
    given: AnnounceTerritoriesInput, ports: TerritoryAlignmentPorts
) -> AnnounceTerritoriesOutput:
    """A mail to each rep whose territory changes, with the accounts; one to everybody whom the organisation names."""
    organisation, facts = await ports.book.organisation(given.organisation), given.release_facts
    link = ports.pictures.page(facts.published_version)
    told = [one for one in await ports.publication.news(facts.published_version) if one.email]
    for one in told:
        letter = letters.your_accounts(one.name, facts.effective_from, one.gained, one.lost, link=link)
        await ports.work.send(CHANNEL, letter.to([one.email]))
    people = sorted({address for addresses in organisation.people.values() for address in addresses})
    if people:
        letter = letters.announcement(organisation.name, facts.effective_from, facts.changed, link=link)
        await ports.work.send(CHANNEL, letter.to(people))
    await ports.book.close(given.alignment_id, "published", ports.clock())
    await tell(ports.work, "territories", given.organisation, facts.published_version)
    await ports.work.note(
        "announced", f"{len(told)} reps and {len(people)} others were written to.", version=facts.published_version
    )
    return AnnounceTerritoriesOutput(announced_to=len(told) + len(people))
