"""Enter a promise into the book."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.follow_up.ports import FollowUpPorts
from workers.office.promises import Promise
from workers.runtime.task import Contract, task


class OpenFollowUpInput(Contract):
    """What was promised."""

    follow_up_id: str
    promise: Promise


class OpenFollowUpOutput(Contract):
    """When it was entered."""

    opened_at: AwareDatetime


@task(business_id="follow_up_id", effect="once")
async def open_follow_up(given: OpenFollowUpInput, ports: FollowUpPorts) -> OpenFollowUpOutput:
    """Enter it; whoever promised it need not be a rep any more, the table decides what then."""
    now = ports.clock()
    await ports.book.open(given.follow_up_id, given.promise, now)
    await ports.work.note(
        "promised",
        "A contact was promised.",
        actor=given.promise.promised_by or None,
        rep=given.promise.rep_id,
        due_at=given.promise.promised_for.isoformat(),
    )
    return OpenFollowUpOutput(opened_at=now)
