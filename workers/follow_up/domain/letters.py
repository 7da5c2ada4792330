"""The mails of follow-ups: short, with a link."""

from __future__ import annotations

from datetime import datetime

from workers.office.letters import Letter, letter, when


def promise_missed(title: str, rep: str, *, due_at: datetime, link: str) -> Letter:
    """To the manager: the contact was never made."""
    return letter(
        f"Missed: {title}",
        [f"The contact that {rep} promised by {when(due_at)} was never made. Please speak to the customer."],
        ("Open Tasklist", link),
    )


def passed_on(title: str, by: str, *, due_at: datetime, link: str) -> Letter:
    """To the rep who gets it."""
    return letter(
        f"Passed on to you: {title}",
        [f"{by} passes this promise on to you. It is due by {when(due_at)}."],
        ("Open the task", link),
    )
