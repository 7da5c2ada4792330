"""Send the letters, tell people that quotas are published, and end the review."""

from __future__ import annotations

from workers.office.letters import CHANNEL
from workers.quota_approval.domain.letters import announcement, your_quota
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class AnnounceQuotasInput(Contract):
    """What was published."""

    quota_id: str
    organisation: str
    organisation_name: str
    period: str
    published_version: str


class AnnounceQuotasOutput(Contract):
    """How many letters were sent."""

    letters_sent: int


@task(business_id="quota_id", effect="once", timeout_seconds=300)
async def announce_quotas(given: AnnounceQuotasInput, ports: QuotaApprovalPorts) -> AnnounceQuotasOutput:
    """Every rep gets a link to their letter; the review ends as published."""
    now, version = ports.clock(), given.published_version
    sent = await ports.publication.send_letters(version, now)
    for address, name, link in sent:
        await ports.work.send(CHANNEL, your_quota(name, given.period, link=link).to([address]))
    organisation = await ports.book.organisation(given.organisation)
    people = sorted({address for addresses in organisation.people.values() for address in addresses})
    if people:
        letter = announcement(given.organisation_name, given.period, len(sent), version, link=ports.tasks)
        await ports.work.send(CHANNEL, letter.to(people))
    await ports.book.close(given.quota_id, "published", now)
    await ports.cases.sign(given.quota_id, None, "published", "the process", now, {"version": version})
    await ports.work.note("announced", f"{len(sent)} reps were written to.", version=version)
    return AnnounceQuotasOutput(letters_sent=len(sent))
