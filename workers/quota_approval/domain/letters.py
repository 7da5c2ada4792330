"""The mails of quota approval: short, with a link."""

from __future__ import annotations

from datetime import datetime

from workers.office.letters import Letter, letter, when


def letter_path(version: str, node: str) -> str:
    """The gateway's path of a rep's letter."""
    return f"/quotas/{version}/letters/{node}.pdf"


def your_quota(name: str, period: str, *, link: str) -> Letter:
    """To a rep: the letter is there."""
    return letter(
        f"Your quota for {period}",
        [f"Dear {name},", f"your quota for {period} is set. The letter has the figures."],
        ("Open the letter", link),
    )


def announcement(organisation: str, period: str, reps: int, version: str, *, link: str) -> Letter:
    """To everybody who works with quotas."""
    return letter(
        f"Quotas published: {organisation}, {period}",
        [f"{reps} reps have their quotas for {period}. CRM and ERP work with version {version}."],
        ("Open Tasklist", link),
    )


def what_you_think(name: str, period: str, *, until: datetime, link: str) -> Letter:
    """To a rep who may object."""
    return letter(
        f"Please look at your quota for {period}",
        [f"Dear {name},", f"a quota for {period} is proposed. If you object, say so by {when(until)}."],
        ("Open the task", link),
    )


def handed_on(title: str, stage: str, *, link: str) -> Letter:
    """To whoever decides now, as somebody did not in time."""
    return letter(
        f"Now yours: {title}",
        [f"Nobody decided about it in time, so it is with {stage} now."],
        ("Open the task", link),
    )


def publication_failed(organisation: str, why: str, *, link: str) -> Letter:
    """To sales operations."""
    return letter(
        f"Not published: the quotas of {organisation}",
        [
            f"{why}.",
            "Every system has its former quotas back, and no letter was sent. Please decide whether to try again.",
        ],
        ("Open the task", link),
    )
