"""Put a promised contact off, or pass it on to another rep; with a reason."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.follow_up.domain import letters
from workers.follow_up.domain.follow_up import LONGEST_POSTPONEMENT, REASONS, Change, Choice, FollowUp, title
from workers.follow_up.ports import FollowUpPorts
from workers.follow_up.ports.book import ChangeRefused
from workers.office.letters import CHANNEL, when
from workers.office.reps import Rep
from workers.runtime.task import Contract, task


class ChangeFollowUpInput(Contract):
    """What the person said."""

    follow_up_id: str
    change_key: str
    """Tells repetitions apart."""
    contact_choice: Choice
    contacted_by: str = ""
    postpone_days: int | None = None
    reassign_to: str | None = None
    """A log-in."""
    change_reason: str | None = None
    contact_note: str | None = None


class ChangeFollowUpOutput(Contract):
    """When it is due now."""

    now_due_at: AwareDatetime


@task(business_id="follow_up_id", effect="once", loop="change_key", errors=(ChangeRefused,))
async def change_follow_up(given: ChangeFollowUpInput, ports: FollowUpPorts) -> ChangeFollowUpOutput:
    """Note the change, tell the CRM, and write to whoever gets it.

    Raises:
        ChangeRefused: no reason, no such rep, or no day; brings ``change_problem``, the reason in words.
    """
    found = await ports.book.find(given.follow_up_id)
    rep = await ports.book.rep(found.rep_id)
    if given.change_reason not in REASONS:
        raise _refused("Say why, by one of the reasons of the list.")
    due_at, to = found.due_at, rep
    if given.contact_choice == "postpone":
        due_at = _later(found, rep, given, ports)
        before, after = when(found.due_at), when(due_at)
    else:
        to = await _taker(found, given, ports)
        before, after = (rep.login if rep else found.rep_id), to.login
    change = Change(
        kind=given.contact_choice,
        reason=given.change_reason,
        by=given.contacted_by,
        note=given.contact_note or "",
        before=before,
        after=after,
    )
    rep_id = to.id if to else found.rep_id
    await ports.book.change(given.follow_up_id, given.change_key, change, due_at=due_at, rep_id=rep_id)
    await ports.crm.put(
        found.follow_up_id,
        "planned",
        subject_kind=found.subject_kind,
        subject_id=found.subject_id,
        rep_id=rep_id,
        channel=found.channel,
        due_at=due_at,
    )
    if given.contact_choice == "reassign":
        name = title(found, await ports.book.subject(found.subject_kind, found.subject_id))
        letter = letters.passed_on(name, given.contacted_by, due_at=due_at, link=ports.tasks_link)
        await ports.work.send(CHANNEL, letter.to(await ports.book.addresses(to, "sales-reps")))
    action = "postponed" if given.contact_choice == "postpone" else "reassigned"
    await ports.work.note(action, given.change_reason, actor=given.contacted_by or None, before=before, after=after)
    return ChangeFollowUpOutput(now_due_at=due_at)


def _later(found: FollowUp, rep: Rep | None, given: ChangeFollowUpInput, ports: FollowUpPorts) -> AwareDatetime:
    if given.postpone_days is None or not 1 <= given.postpone_days <= LONGEST_POSTPONEMENT:
        raise _refused(f"Say by how many working days, 1 to {LONGEST_POSTPONEMENT}.")
    if rep is None or not rep.active:
        raise _refused(f"{found.rep_id} is not with us any more. Pass it on to another rep.")
    return rep.calendar.add_working_days(max(found.due_at, ports.clock()), given.postpone_days)


async def _taker(found: FollowUp, given: ChangeFollowUpInput, ports: FollowUpPorts) -> Rep:
    login = (given.reassign_to or "").strip()
    to = await ports.book.rep_of_login(login)
    if to is None or not to.active:
        raise _refused(f"No rep has the log-in {login!r}. Give that of a rep who is with us.")
    if to.id == found.rep_id:
        raise _refused(f"{login} has it already. Name another rep, or choose another day.")
    return to


def _refused(problem: str) -> ChangeRefused:
    return ChangeRefused(problem, variables={"change_problem": problem})
