"""The mails of forecast review: short, with a link."""

from __future__ import annotations

from datetime import datetime

from workers.forecast_review.domain.publication import ReleaseFacts
from workers.office.letters import Letter, letter, when


def announcement(organisation: str, unit: str, facts: ReleaseFacts, link: str) -> Letter:
    """To everybody who works with the forecast: what it says in all, what people changed, and where it can be read."""
    total = f"In all: {facts.total:,.0f} {unit}".rstrip()
    if facts.change_percent_to_former is not None:
        total += f", {facts.change_percent_to_former:+.1f} % against the last version over the same months"
    changed = (
        f"People changed {facts.overrides} segments, {facts.change_percent_to_base:+.1f} % in all."
        if facts.overrides
        else "Nobody changed what the models said."
    )
    return letter(f"New forecast: {organisation}", [f"{total}.", changed], ("Read the forecast", link))


def reviews_asked(organisation: str, count: int, *, close_at: datetime, link: str) -> Letter:
    """To those who review segments."""
    what = "One segment waits" if count == 1 else f"{count} segments wait"
    return letter(
        f"Please review the forecast: {organisation}",
        [f"{what} for your word. What nobody has decided by {when(close_at)} stands as the model says."],
        ("Open the tasks", link),
    )


def review_handed_over(segment: str, by: str, *, link: str) -> Letter:
    """To whoever gets a review from somebody else."""
    return letter(
        f"Please review the forecast: {segment}",
        [f"{by} hands the review of {segment} over to you."],
        ("Open the task", link),
    )


def publication_failed(organisation: str, why: str, *, link: str) -> Letter:
    """To sales operations."""
    return letter(
        f"Not published: the forecast of {organisation}",
        [f"{why}.", "Every system has its former forecast back. Please decide whether to try again."],
        ("Open the task", link),
    )
