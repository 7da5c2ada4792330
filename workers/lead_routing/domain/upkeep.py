"""Upkeep of the scorer: what a check found, what a challenger is worth, and what a person may decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Choice = Literal["keep", "activate", "fall_back"]
"""``keep`` the present model, ``activate`` the challenger, ``fall_back`` to the decision table (no model is active)."""

ASKED = "review_asked"
CHECKED = "drift_checked"
REVIEWED = "reviewed"
"""Actions in a scorer's timeline that are read again."""


def scorer_id(schema_name: str) -> str:
    """The business id of all upkeep of a schema's scorer, and of its timeline."""
    return f"scorer:{schema_name}"


@dataclass(frozen=True, slots=True)
class Drift:
    """What a check of the active model found on the newest recorded outcomes.

    Figures are None if there were too few outcomes, or if the model cannot be read.
    """

    model_version: str | None
    """None: no model is active."""
    enough: bool
    """Whether there were outcomes enough to judge."""
    drifted: bool
    """Whether something is to be done about it: a limit is passed, and the model is not `left_alone`."""
    age_days: float
    rows: int
    label_rate: float | None
    """Share that converted, 0 to 1."""
    reference_label_rate: float | None
    calibration: float | None
    """Expected calibration error, 0 to 1."""
    largest_psi: float | None
    """Largest population stability index of a feature or of the score."""
    words: str
    """What drifted, as a Markdown list."""
    advice: str
    left_alone: bool = False
    """A person decided lately to keep this model as it is."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a model was on outcomes it had not seen."""

    rows: int
    base_rate: float
    auc: float
    brier: float
    ece: float


@dataclass(frozen=True, slots=True)
class Challenger:
    """A model trained anew, stored and not active, beside the active one on the same outcomes."""

    version: str
    better: bool
    drift_remains: bool
    """Whether its own scores, made before the outcomes were known, still miss the observed rate beyond the limit."""
    why: str
    champion_figures: Figures | None
    """None: too few outcomes are newer than the active model to compare the two."""
    challenger_figures: Figures


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the decision table says of a challenger."""

    replace: bool
    keep: bool
    """Neither of both: a person is asked."""
    why: str


@dataclass(frozen=True, slots=True)
class Trial:
    """The active model, read back and tried on recent leads."""

    model_version: str
    leads: int
    scored: int
    slowest_ms: float


def figures_table(challenger: Challenger | None) -> str:
    """Both models side by side, as a Markdown table; empty without a challenger."""
    if challenger is None:
        return ""
    new, old = challenger.challenger_figures, challenger.champion_figures
    rows = [
        ("Ranks leads rightly (AUC, more is better)", "auc", ".3f"),
        ("Error of the scores (Brier, less is better)", "brier", ".4f"),
        ("Misses the observed rate by (ECE)", "ece", ".3f"),
        ("Converted among them", "base_rate", ".1%"),
        ("Outcomes", "rows", ",d"),
    ]
    lines = ["| | Present model | New model |", "|---|---|---|"]
    for title, name, form in rows:
        before = format(getattr(old, name), form) if old else "not known"
        lines.append(f"| {title} | {before} | {format(getattr(new, name), form)} |")
    return "\n".join(lines)


def choices(challenger: Challenger | None) -> Sequence[Choice]:
    """What a person may choose: without a challenger there is nothing to activate."""
    return ("keep", "fall_back") if challenger is None else ("keep", "activate", "fall_back")
