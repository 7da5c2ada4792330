"""Look at a promise as it stands: who has to keep it, and whether they can."""

from __future__ import annotations

from workers.follow_up.domain.follow_up import PromiseFacts
from workers.follow_up.ports import FollowUpPorts
from workers.runtime.task import Contract, task


class GatherPromiseInput(Contract):
    """Which follow-up."""

    follow_up_id: str


class GatherPromiseOutput(Contract):
    """What the table reads."""

    promise_facts: PromiseFacts


@task(business_id="follow_up_id", effect="idempotent")
async def gather_promise(given: GatherPromiseInput, ports: FollowUpPorts) -> GatherPromiseOutput:
    """Ask the book, the sales organisation and, for an opportunity, the CRM."""
    found = await ports.book.find(given.follow_up_id)
    rep = await ports.book.rep(found.rep_id)
    subject = await ports.book.subject(found.subject_kind, found.subject_id)
    return GatherPromiseOutput(
        promise_facts=PromiseFacts(
            rep_active=rep is not None and rep.active,
            rep_away=rep is not None and rep.away(max(found.due_at, ports.clock())),
            postponements=found.postponements,
            amount=subject.amount,
            channel=found.channel,
        )
    )
