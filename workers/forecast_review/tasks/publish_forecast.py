"""Send the released version to a target."""

from __future__ import annotations

from typing import Literal

from workers.forecast_review.domain.publication import ReleaseFacts
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.publication import Sending, change_id
from workers.runtime.task import Contract, task


class PublishForecastInput(Contract):
    """Which version, where to, and at which attempt."""

    forecast_id: str
    organisation: str
    release: int
    release_facts: ReleaseFacts
    target: Literal["crm", "erp"]
    release_key: str
    """Tells attempts and targets apart: ``1/crm``."""


class PublishForecastOutput(Contract):
    """What an analyst may want to see of it."""

    change_id: str


@task(business_id="forecast_id", effect="once", loop="release_key")
async def publish_forecast(given: PublishForecastInput, ports: ForecastReviewPorts) -> PublishForecastOutput:
    """Send it, by the outbox, as a new immutable version. `confirm_publication` tells what the target said."""
    version = given.release_facts.published_version
    change = change_id(given.forecast_id, given.release_key)
    await ports.publication.send(
        Sending(change, given.forecast_id, given.release, version, given.target, ports.clock()), given.organisation
    )
    ports.work.record(version=version, target=given.target, change_id=change)
    await ports.work.note("published", f"The {given.target.upper()} gets the version.", version=version)
    return PublishForecastOutput(change_id=change)
