"""Bring the new version to one target."""

from __future__ import annotations

from typing import Literal

from workers.office.publication import Sending, change_id
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class PublishQuotasInput(Contract):
    """Which version, where to, and at which attempt."""

    quota_id: str
    organisation: str
    release: int
    published_version: str
    target: Literal["crm", "erp"]
    release_key: str
    """Tells attempts and targets apart: ``1/crm``."""


class PublishQuotasOutput(Contract):
    """What an analyst may want to see of it."""

    change_id: str


@task(business_id="quota_id", effect="once", loop="release_key")
async def publish_quotas(given: PublishQuotasInput, ports: QuotaApprovalPorts) -> PublishQuotasOutput:
    """Send it, by the outbox. `confirm_publication` tells what the target said."""
    version, change = given.published_version, change_id(given.quota_id, given.release_key)
    sending = Sending(change, given.quota_id, given.release, version, given.target, ports.clock())
    await ports.publication.send(sending, await ports.book.organisation(given.organisation))
    ports.work.record(version=version, target=given.target, change_id=change)
    await ports.work.note("published", f"The {given.target.upper()} gets the version.", version=version)
    return PublishQuotasOutput(change_id=change)
