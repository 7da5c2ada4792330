"""Prepare the contact: until when, and what the form shows."""

from __future__ import annotations

from workers.follow_up.domain import follow_up as rules
from workers.follow_up.domain.follow_up import Deadlines, Plan
from workers.follow_up.ports import FollowUpPorts
from workers.office.calendar import office_calendar
from workers.office.letters import when
from workers.runtime.task import Contract, task


class ContactCase(Contract):
    """What the form shows."""

    title: str
    text: str
    """Markdown list."""
    why: str
    history: str
    """Markdown list of what was changed before; empty at first."""
    problem: str
    """What was wrong with the last answer; empty: nothing."""
    assignee: str | None
    """Log-in of the rep; None: anybody of the group."""


class ScheduleContactInput(Contract):
    """Which follow-up, and what the table said."""

    follow_up_id: str
    plan: Plan
    change_problem: str | None = None


class ScheduleContactOutput(Contract):
    """What the form shows, and until when."""

    contact_case: ContactCase
    contact_deadlines: Deadlines


@task(business_id="follow_up_id", effect="idempotent")
async def schedule_contact(given: ScheduleContactInput, ports: FollowUpPorts) -> ScheduleContactOutput:
    """Deadlines count in the rep's own working time; where there is no rep any more, in office hours."""
    found = await ports.book.find(given.follow_up_id)
    rep = await ports.book.rep(found.rep_id)
    subject = await ports.book.subject(found.subject_kind, found.subject_id)
    working = rep is not None and rep.active and given.plan.by_rep
    calendar = rep.calendar if rep is not None and working else office_calendar("UTC", "US")
    return ScheduleContactOutput(
        contact_case=ContactCase(
            title=rules.title(found, subject),
            text=rules.case_text(found, subject, rep.name if rep else found.rep_id, when(found.due_at)),
            why=given.plan.why,
            history=rules.history_text(await ports.book.changes(found.follow_up_id)),
            problem=given.change_problem or "",
            assignee=rep.login if rep is not None and working else None,
        ),
        contact_deadlines=rules.deadlines(calendar, given.plan, found.due_at, ports.clock()),
    )
