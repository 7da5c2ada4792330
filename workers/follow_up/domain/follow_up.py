"""A follow-up: a contact that somebody promised, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from workers.office.calendar import WorkCalendar

Choice = Literal["done", "postpone", "reassign", "drop", "missed"]
"""What came of it; ``missed``: nobody said anything in time."""
State = Literal["open", "done", "late", "dropped", "missed", "cancelled"]
"""``late``: the contact was made after the promised time; ``missed``: it was never made."""
RESULTS = ("reached", "left_message", "next_step", "not_interested")
REASONS = ("customer_asked", "no_time", "better_suited", "away", "other")
"""Why it is put off or passed on."""
LONGEST_POSTPONEMENT = 20
"""Working days."""
_LOOK_BACK = timedelta(days=30)
_CHANNELS = {"call": "a call", "mail": "a mail", "meeting": "a meeting", "visit": "a visit"}
_REASON_WORDS = {
    "customer_asked": "the customer asked for it",
    "no_time": "no time on that day",
    "better_suited": "somebody else knows them better",
    "away": "away on that day",
    "other": "see the note",
}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """As the book has it now."""

    follow_up_id: str
    subject_kind: str
    subject_id: str
    rep_id: str
    contact: str
    channel: str
    promised_for: datetime
    """As it was promised first."""
    due_at: datetime
    """As it stands after postponements."""
    note: str
    postponements: int
    state: State
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """What the promise is about."""

    title: str
    amount: float
    """EUR; 0 where nobody knows."""


@dataclass(frozen=True, slots=True)
class PromiseFacts:
    """What the table `follow_up_plan` reads."""

    rep_active: bool
    rep_away: bool
    """When it is due."""
    postponements: int
    amount: float
    """EUR."""
    channel: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the table says."""

    group: str
    by_rep: bool
    """Else the rep's manager decides."""
    remind: float
    """Working minutes from the reminder to the promised time."""
    escalate: float
    """Working minutes from the promised time until the manager is told."""
    give_up: float
    """Working minutes from the promised time until it counts as missed for good."""
    why: str


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Moments in the rep's working time, in UTC."""

    remind_at: datetime
    due_at: datetime
    escalate_at: datetime
    give_up_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """Another day or another rep."""

    kind: str
    reason: str
    by: str
    note: str
    before: str
    after: str


def deadlines(calendar: WorkCalendar, plan: Plan, due_at: datetime, now: datetime) -> Deadlines:
    """When to remind, escalate and give up.

    The reminder comes so many working minutes before the promised time, but leaves at least half of what is left from
    now on: somebody who promised a call in ten minutes needs no mail at once.
    """
    after = calendar.deadlines(max(due_at, now), {"escalate_at": plan.escalate, "give_up_at": plan.give_up})
    remind_at = working_time_before(calendar, due_at, timedelta(minutes=plan.remind))
    return Deadlines(
        remind_at=max(remind_at, now + max(due_at - now, timedelta()) / 2),
        due_at=due_at,
        escalate_at=after["escalate_at"],
        give_up_at=after["give_up_at"],
    )


def working_time_before(calendar: WorkCalendar, moment: datetime, duration: timedelta) -> datetime:
    """The latest minute from which so much working time is left until a moment; at most thirty days before it."""
    low, high = 0, int(_LOOK_BACK.total_seconds() // 60)
    while low < high:  # minutes before the moment; the fewer, the less working time is left
        middle = (low + high) // 2
        if calendar.add_working_time(moment - timedelta(minutes=middle), duration) <= moment:
            high = middle
        else:
            low = middle + 1
    return moment - timedelta(minutes=low)


def outcome(choice: Choice, at: datetime, due_at: datetime) -> State:
    """The state that a follow-up ends with."""
    if choice == "missed":
        return "missed"
    if choice == "drop":
        return "dropped"
    return "done" if at <= due_at else "late"


def title(found: FollowUp, subject: Subject) -> str:
    """What people call it: ``Call Ana Ruiz: Planning for Talleres Norte``."""
    return f"{found.channel.capitalize()} {found.contact}: {subject.title}"


def case_text(found: FollowUp, subject: Subject, rep: str, due: str) -> str:
    """What was promised, as a Markdown list."""
    lines = [f"**{rep}** promised {_CHANNELS.get(found.channel, found.channel)} to **{found.contact}** by **{due}**"]
    if subject.amount:
        lines.append(f"Deal: {subject.amount:,.0f} EUR")
    if found.note:
        lines.append(f"Note: {found.note}")
    return "\n".join(f"- {line}" for line in lines)


def history_text(changes: Sequence[Change]) -> str:
    """What was changed before, the oldest first, as a Markdown list; empty: nothing."""
    words = {"postpone": "put off", "reassign": "passed on"}
    return "\n".join(
        f"- {words.get(one.kind, one.kind)} by {one.by}, from {one.before} to {one.after}: "
        f"{_REASON_WORDS.get(one.reason, one.reason)}" + (f" ({one.note})" if one.note else "")
        for one in changes
    )
