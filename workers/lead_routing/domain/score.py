"""A lead's score, as the model or the fallback table gives it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Band = Literal["hot", "warm", "cold"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature that moved the score."""

    feature: str
    label: str
    value: float | str | bool | None
    effect: float | None
    """Change of the log-odds of conversion; positive speaks for the lead. The table gives none."""
    text: str


@dataclass(frozen=True, slots=True)
class Score:
    """How likely the lead is to convert, and why."""

    value: float
    """Probability, 0 to 1."""
    band: Band
    reasons: tuple[Reason, ...]
    reasons_text: str
    """The reasons as a Markdown list, for forms and mails."""
    model_version: str | None
    source: Literal["model", "table"]


def as_list(texts: Iterable[str]) -> str:
    """A Markdown list, one line for each text."""
    return "\n".join(f"- {text}" for text in texts)
