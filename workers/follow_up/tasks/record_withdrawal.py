"""Close the case of a promise that is not wanted any more, so that nothing new happens in it."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.follow_up.ports import FollowUpPorts
from workers.runtime.task import Contract, task


class RecordWithdrawalInput(Contract):
    """Which follow-up, and why, if that was said."""

    follow_up_id: str
    cancel_why: str | None = None


class RecordWithdrawalOutput(Contract):
    """When the case was closed."""

    cancelled_at: AwareDatetime


@task(business_id="follow_up_id", effect="once", after_close=True, closes=True)
async def record_withdrawal(given: RecordWithdrawalInput, ports: FollowUpPorts) -> RecordWithdrawalOutput:
    """Fence the case, after waiting for effects under way, and close the promise in the book."""
    await ports.work.close_case("cancelled")
    now = ports.clock()
    await ports.book.close(given.follow_up_id, "cancelled", now, result="", by="", note="")
    # The reason is free text and may hold personal data; the message's sender keeps it.
    await ports.work.note("cancelled", "It is not wanted any more.", reason_given=bool(given.cancel_why))
    return RecordWithdrawalOutput(cancelled_at=now)
