"""Record what came of a promise, and end it."""

from __future__ import annotations

from workers.follow_up.domain import letters
from workers.follow_up.domain.follow_up import Choice, State, outcome, title
from workers.follow_up.ports import FollowUpPorts
from workers.follow_up.ports.crm import ActivityState
from workers.office.letters import CHANNEL
from workers.runtime.task import Contract, task

_ACTIVITY: dict[State, ActivityState] = {"done": "done", "late": "done", "dropped": "dropped", "missed": "missed"}


class RecordContactInput(Contract):
    """What was said of it, by a person or by another system."""

    follow_up_id: str
    contact_choice: Choice
    contact_result: str | None = None
    contacted_by: str | None = None
    contact_note: str | None = None


class RecordContactOutput(Contract):
    """How it ended."""

    follow_up_state: State


@task(business_id="follow_up_id", effect="once")
async def record_contact(given: RecordContactInput, ports: FollowUpPorts) -> RecordContactOutput:
    """Close it in the book and in the CRM; the manager is told of one that was missed."""
    now = ports.clock()
    found = await ports.book.find(given.follow_up_id)
    state = outcome(given.contact_choice, now, found.due_at)
    result, by = given.contact_result or "", given.contacted_by or ""
    await ports.book.close(given.follow_up_id, state, now, result=result, by=by, note=given.contact_note or "")
    await ports.crm.put(
        found.follow_up_id,
        _ACTIVITY[state],
        subject_kind=found.subject_kind,
        subject_id=found.subject_id,
        rep_id=found.rep_id,
        channel=found.channel,
        due_at=found.due_at,
        result=result,
    )
    if state == "missed":
        rep = await ports.book.rep(found.rep_id)
        name = title(found, await ports.book.subject(found.subject_kind, found.subject_id))
        letter = letters.promise_missed(
            name, rep.name if rep else found.rep_id, due_at=found.due_at, link=ports.tasks_link
        )
        await ports.work.send(CHANNEL, letter.to(await ports.book.addresses(rep, "sales-managers")))
    await ports.work.note(f"contact_{state}", result, actor=by or None)
    return RecordContactOutput(follow_up_state=state)
