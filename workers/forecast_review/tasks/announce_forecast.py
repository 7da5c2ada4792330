"""Tell people that a forecast was published, and end its review."""

from __future__ import annotations

from workers.forecast_review.domain.letters import announcement
from workers.forecast_review.domain.publication import ReleaseFacts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.letters import CHANNEL
from workers.office.published import tell
from workers.runtime.task import Contract, task


class AnnounceForecastInput(Contract):
    """What was published."""

    forecast_id: str
    organisation: str
    release_facts: ReleaseFacts


class AnnounceForecastOutput(Contract):
    """How many people were written to."""

    announced_to: int


@task(business_id="forecast_id", effect="once")
async def announce_forecast(given: AnnounceForecastInput, ports: ForecastReviewPorts) -> AnnounceForecastOutput:
    """Write to everybody whom the organisation names, with a link to the version; the review ends as published."""
    organisation = await ports.book.organisation(given.organisation)
    people = sorted({address for addresses in organisation.people.values() for address in addresses})
    facts = given.release_facts
    if people:
        link = ports.pictures.page(facts.published_version)
        letter = announcement(organisation.name, organisation.unit, facts, link)
        await ports.work.send(CHANNEL, letter.to(people))
    await ports.book.close(given.forecast_id, "published", ports.clock())
    await tell(ports.work, "forecast", given.organisation, facts.published_version)
    await ports.work.note("announced", f"{len(people)} people were written to.", version=facts.published_version)
    return AnnounceForecastOutput(announced_to=len(people))
