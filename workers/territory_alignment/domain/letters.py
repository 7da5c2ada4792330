"""The mails of territory alignment: short, with a link."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workers.office.letters import Letter, letter, when

NAMED = 20
"""Accounts that a mail names."""


def looks_asked(organisation: str, regions: Sequence[str], *, close_at: datetime, link: str) -> Letter:
    """To those who look at regions."""
    names = ", ".join(region or "those without a region" for region in regions)
    return letter(
        f"Please look at the territories: {organisation}",
        [
            f"The new territories of {names} wait for your word: see what changes, edit, accept or refuse.",
            f"What nobody has decided by {when(close_at)} stands as it is.",
        ],
        ("Open the tasks", link),
    )


def your_accounts(name: str, effective_from: str, gained: Sequence[str], lost: Sequence[str], *, link: str) -> Letter:
    """To a rep whose territory changes."""
    return letter(
        "Your accounts change",
        [
            f"{name or 'Hello'}, from {effective_from} on your territory is another one.",
            *([f"You get {_named(gained)}."] if gained else []),
            *([f"You hand over {_named(lost)}."] if lost else []),
        ],
        ("See the territories", link),
    )


def announcement(organisation: str, effective_from: str, changed: int, *, link: str) -> Letter:
    """To everybody whom the organisation names."""
    return letter(
        f"New territories: {organisation}",
        [f"{changed} accounts change hands. The territories are in force from {effective_from} on."],
        ("See the territories", link),
    )


def publication_failed(organisation: str, why: str, *, link: str) -> Letter:
    """To sales operations."""
    return letter(
        f"Not published: the territories of {organisation}",
        [f"{why}.", "Every system has its former owners back. Please decide whether to try again."],
        ("Open the task", link),
    )


def _named(accounts: Sequence[str]) -> str:
    more = f" and {len(accounts) - NAMED} more" if len(accounts) > NAMED else ""
    return f"{', '.join(accounts[:NAMED])}{more}"
