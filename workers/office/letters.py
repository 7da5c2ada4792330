"""The words of a mail: short, with a link. Sending is the outbox's work, see `workers.office.mail`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

CHANNEL = "mail"
"""The outbox channel of mails. The payload is {to: [address], subject, text, html}."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's content."""

    subject: str
    text: str
    html: str

    def to(self, addresses: Sequence[str]) -> dict[str, object]:
        """The payload for the outbox channel `CHANNEL`."""
        return {"to": list(addresses), "subject": self.subject, "text": self.text, "html": self.html}


def reminder(task_name: str, *, due_at: datetime, link: str) -> Letter:
    """A task waits; it is not yet overdue. `task_name` is what people call it."""
    return letter(
        f"Reminder: {task_name}",
        [f"The task “{task_name}” is waiting. It is due by {when(due_at)}."],
        ("Open the task", link),
    )


def escalation(task_name: str, *, due_at: datetime, link: str) -> Letter:
    """A task is overdue."""
    return letter(
        f"Overdue: {task_name}",
        [f"Nobody has done the task “{task_name}”. It was due by {when(due_at)}. Please see that somebody takes it."],
        ("Open the task", link),
    )


def takes_long(name: str, *, link: str) -> Letter:
    """To sales operations; nothing is wrong yet."""
    return letter(
        f"Takes long: {name}",
        [
            f"“{name}” has not ended yet. Nothing has to be done; if it does not end within the hour, look at the workers."
        ],
        ("Open Tasklist", link),
    )


def letter(subject: str, paragraphs: Sequence[str], link: tuple[str, str] | None) -> Letter:
    """Paragraphs (plain text; a Markdown list becomes one), then a link: its words and its address."""
    text = "\n\n".join(paragraphs)
    html = "".join(_markup(paragraph) for paragraph in paragraphs)
    if link is not None:
        words, address = link
        text += f"\n\n{words}: {address}"
        html += f'<p><a href="{escape(address)}">{escape(words)}</a></p>'
    # A subject is one line, whatever a company calls itself.
    return Letter(" ".join(subject.split())[:200], f"{text}\n", f"<html><body>{html}</body></html>")


def when(moment: datetime) -> str:
    """A moment in UTC and saying so, as readers of one mail sit in several time zones."""
    return f"{moment.astimezone(UTC):%a %d %b %Y, %H:%M} UTC"


def _markup(paragraph: str) -> str:
    """A paragraph, or a Markdown list, in HTML."""
    lines = paragraph.splitlines()
    if all(line.startswith("- ") for line in lines):
        return "<ul>" + "".join(f"<li>{escape(line[2:])}</li>" for line in lines) + "</ul>"
    return f"<p>{escape(paragraph)}</p>"
