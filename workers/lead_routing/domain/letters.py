"""The mails that Fairlead writes to sales people: short, with a link, and without the lead's address or message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's content."""

    subject: str
    text: str
    html: str

    def to(self, addresses: Sequence[str]) -> dict[str, object]:
        """The payload for the outbox channel `mail`."""
        return {"to": list(addresses), "subject": self.subject, "text": self.text, "html": self.html}


def assignment(who: str, *, band: str, reasons: str, why: str, due_at: datetime, link: str) -> Letter:
    """To the new owner: who it is, what speaks for it, why the lead came here, and until when to answer.

    `reasons` is a Markdown list, maybe empty.
    """
    return _letter(
        f"New lead for you: {who}",
        [
            f"{who} is yours, if you want it. The score says: {band}.",
            *([reasons] if reasons else []),
            f"Why you: {why}",
            f"Please accept or reject it by {_when(due_at)}; after that it goes to somebody else.",
        ],
        ("Accept or reject the lead", link),
    )


def recall(who: str) -> Letter:
    """To an owner who has the lead no longer."""
    return _letter(
        f"No longer yours: {who}",
        [f"The lead {who} is no longer yours. You need not do anything; a link in an earlier mail leads nowhere now."],
        None,
    )


def reminder(task_name: str, *, due_at: datetime, link: str) -> Letter:
    """A task waits; it is not yet overdue. `task_name` is what people call it."""
    return _letter(
        f"Reminder: {task_name}",
        [f"The task “{task_name}” is waiting. It is due by {_when(due_at)}."],
        ("Open the task", link),
    )


def escalation(task_name: str, *, due_at: datetime, link: str) -> Letter:
    """A task is overdue."""
    return _letter(
        f"Overdue: {task_name}",
        [f"Nobody has done the task “{task_name}”. It was due by {_when(due_at)}. Please see that somebody takes it."],
        ("Open the task", link),
    )


def _letter(subject: str, paragraphs: Sequence[str], link: tuple[str, str] | None) -> Letter:
    text = "\n\n".join(paragraphs)
    html = "".join(_markup(paragraph) for paragraph in paragraphs)
    if link is not None:
        words, address = link
        text += f"\n\n{words}: {address}"
        html += f'<p><a href="{escape(address)}">{escape(words)}</a></p>'
    # A subject is one line, whatever a company calls itself.
    return Letter(" ".join(subject.split())[:200], f"{text}\n", f"<html><body>{html}</body></html>")


def _markup(paragraph: str) -> str:
    """A paragraph, or a Markdown list, in HTML."""
    lines = paragraph.splitlines()
    if all(line.startswith("- ") for line in lines):
        return "<ul>" + "".join(f"<li>{escape(line[2:])}</li>" for line in lines) + "</ul>"
    return f"<p>{escape(paragraph)}</p>"


def _when(moment: datetime) -> str:
    # In UTC and saying so, as readers of one mail sit in several time zones.
    return f"{moment.astimezone(UTC):%a %d %b %Y, %H:%M} UTC"
