"""The mails about leads: without the lead's address or message."""

from __future__ import annotations

from datetime import datetime

from workers.office.letters import Letter, letter, when


def assignment(who: str, *, band: str, reasons: str, why: str, due_at: datetime | None, link: str) -> Letter:
    """To the new owner: who it is, what speaks for it, why the lead came here, and until when to answer.

    `reasons` is a Markdown list, maybe empty. Without `due_at` the lead is theirs, and they are not asked.
    """
    answer = (
        "You need not accept it."
        if due_at is None
        else (f"Please accept or reject it by {when(due_at)}; after that it goes to somebody else.")
    )
    return letter(
        f"New lead for you: {who}",
        [
            f"{who} is yours{', if you want it' if due_at else ''}. The score says: {band}.",
            *([reasons] if reasons else []),
            f"Why you: {why}",
            answer,
        ],
        ("Accept or reject the lead", link) if due_at else None,
    )


def recall(who: str) -> Letter:
    """To an owner who has the lead no longer."""
    return letter(
        f"No longer yours: {who}",
        [f"The lead {who} is no longer yours. You need not do anything; a link in an earlier mail leads nowhere now."],
        None,
    )
