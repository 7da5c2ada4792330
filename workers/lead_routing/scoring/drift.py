"""Drift: whether recent leads are like those the model was proven on, and its scores still right.

The reference is the newest held-out window of the training rows. Three things are watched: the label rate, the
calibration (expected calibration error, ECE) and the population stability index (PSI) of each feature and of the
score. Each limit allows for the noise of a small sample, so that a quiet week raises no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.lead_routing.scoring.errors import DataError, SchemaError
from workers.lead_routing.scoring.features import Value
from workers.lead_routing.scoring.metrics import calibration_error
from workers.lead_routing.scoring.model import Payload, Profile
from workers.lead_routing.scoring.table import Floats, Table

if TYPE_CHECKING:
    from workers.lead_routing.scoring.schema import Feature

FEWEST_ROWS = 100
_BINS = 10
_SMALLEST_SHARE = 1e-4
"""Empty bins count as this share, so that PSI stays finite."""


@dataclass(frozen=True)
class Limits:
    """Thresholds; printed on the model card."""

    psi: float = 0.2
    """PSI above 0.2 is the field's usual mark of a real shift (Siddiqi 2006)."""
    label_rate: float = 0.25
    """Relative change of the share that converts; it must also be beyond chance (`z`)."""
    ece: float = 0.05
    """ECE beyond what a perfectly calibrated score would show on so few rows by chance."""
    z: float = 3.29
    """Standard errors that count as beyond chance (two-sided 0.1 %)."""


LIMITS = Limits()


@dataclass(frozen=True)
class Finding:
    """One thing that was measured."""

    what: str
    """``label_rate``, ``calibration``, ``score`` or a feature's name."""
    reference: float
    recent: float
    limit: float
    """`recent` (PSI, ECE) or its relative change (label rate) beyond this is drift."""
    drifted: bool
    text: str


@dataclass(frozen=True)
class DriftReport:
    """What was found on a recent window."""

    rows: int
    findings: tuple[Finding, ...]
    advice: str

    @property
    def drifted(self) -> bool:
        """Whether any limit was passed."""
        return any(finding.drifted for finding in self.findings)

    def to_json(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {**asdict(self), "drifted": self.drifted}


def profile_features(table: Table, vocabulary: Mapping[str, Sequence[str]]) -> dict[str, Profile]:
    """The distribution of each feature in these rows."""
    profiles = {}
    for feature in table.schema.features:
        words = tuple(vocabulary.get(feature.name, ()))
        edges = () if feature.kind == "categorical" else _edges(np.asarray(table.columns[feature.name], dtype=float))
        shares = _shares(feature, table, words, edges)
        profiles[feature.name] = Profile(edges=edges, categories=words, shares=tuple(shares.tolist()))
    return profiles


def profile_scores(scores: Floats) -> Profile:
    """The distribution of scores."""
    edges = _edges(scores)
    return Profile(edges=edges, shares=tuple(_numeric_shares(scores, edges).tolist()))


def _edges(column: Floats) -> tuple[float, ...]:
    """Inner edges of ten bins of equal size; fewer where values repeat."""
    known = column[~np.isnan(column)]
    if not len(known):
        return ()
    edges = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS, method="lower"))
    # The smallest value itself is no edge: nothing lies below it.
    return tuple(float(edge) for edge in edges if edge > known.min())


def _numeric_shares(column: Floats, edges: tuple[float, ...]) -> Floats:
    known = column[~np.isnan(column)]
    counts = np.bincount(np.searchsorted(np.array(edges), known, side="right"), minlength=len(edges) + 1)
    shares: Floats = np.append(counts, len(column) - len(known)) / len(column)
    return shares


def _shares(feature: Feature, table: Table, words: Sequence[str], edges: tuple[float, ...]) -> Floats:
    column = table.columns[feature.name]
    if feature.kind != "categorical":
        return _numeric_shares(np.asarray(column, dtype=float), edges)
    place = {word: i for i, word in enumerate(words)}
    codes = np.array([*(place.get(level, len(words)) for level in table.levels[feature.name]), len(words) + 1])
    shares: Floats = np.bincount(codes[column.astype(np.int64)], minlength=len(words) + 2) / len(column)
    return shares


def psi(reference: Floats, recent: Floats) -> float:
    """Population stability index of two distributions over the same bins: sum of (q - p) ln(q / p)."""
    p, q = np.maximum(reference, _SMALLEST_SHARE), np.maximum(recent, _SMALLEST_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))


def psi_limit(bins: int, rows: int, reference_rows: int, limits: Limits = LIMITS) -> float:
    """The declared limit, or what chance alone reaches once in a thousand times if that is more.

    Without drift PSI divided by (1/n + 1/m) is about chi-square with bins - 1 degrees (Yurdakul 2018).
    """
    k = max(1, bins - 1)
    # Wilson and Hilferty's (1931) approximation of the chi-square quantile, one-sided 0.1 %.
    quantile = k * (1 - 2 / (9 * k) + 3.09 * math.sqrt(2 / (9 * k))) ** 3
    return max(limits.psi, quantile * (1 / rows + 1 / reference_rows))


def chance_ece(scores: Floats) -> float:
    """The ECE a perfectly calibrated score would show on these rows by chance, on average."""
    total = 0.0
    for part in np.array_split(np.sort(scores), _BINS):
        if len(part):
            total += math.sqrt(2 / math.pi * float(np.mean(part * (1 - part))) / len(part)) * len(part)
    return total / len(scores)


def check_drift(payload: Payload, recent: Table, scores: Floats, limits: Limits = LIMITS) -> DriftReport:
    """Measure drift of recent rows with outcomes, scored by the model in `payload`.

    Raises:
        DataError: if there are fewer than 100 rows.
        SchemaError: if the rows were read by another schema than the model's.
    """
    if len(recent) < FEWEST_ROWS:
        raise DataError(f"drift needs at least {FEWEST_ROWS} recent rows with an outcome; there are {len(recent)}")
    if recent.schema.model_dump(mode="json")["features"] != payload.model_schema["features"]:
        raise SchemaError("the model was trained with another feature schema; train it again, then watch its drift")
    findings = [_label_rate(payload, recent, limits), _calibration(payload, recent, scores, limits)]
    reference = payload.reference
    score_shares = _numeric_shares(scores, reference.score.edges)
    findings.append(_stability("score", "the score", reference.score, score_shares, payload, len(recent), limits))
    for feature in recent.schema.features:
        profile = reference.features[feature.name]
        shares = _shares(feature, recent, profile.categories, profile.edges)
        findings.append(_stability(feature.name, feature.title, profile, shares, payload, len(recent), limits))
    findings.sort(key=lambda f: not f.drifted)
    return DriftReport(len(recent), tuple(findings), _advice(findings))


def _label_rate(payload: Payload, recent: Table, limits: Limits) -> Finding:
    was, now = payload.reference.label_rate, float(recent.labels.mean())
    pooled = (was * payload.reference.rows + now * len(recent)) / (payload.reference.rows + len(recent))
    error = math.sqrt(pooled * (1 - pooled) * (1 / payload.reference.rows + 1 / len(recent)))
    drifted = abs(now - was) > limits.label_rate * was and abs(now - was) > limits.z * error
    text = f"The share that converts is {now:.1%}, it was {was:.1%}" + (": beyond chance" if drifted else "")
    return Finding("label_rate", was, now, limits.label_rate, drifted, text)


def _calibration(payload: Payload, recent: Table, scores: Floats, limits: Limits) -> Finding:
    ece = calibration_error(recent.labels, scores)
    limit = limits.ece + chance_ece(scores)
    mean, rate = float(scores.mean()), float(recent.labels.mean())
    side = "too low" if mean < rate else "too high"
    text = f"Scores miss the observed rate by {ece:.3f} on average (limit {limit:.3f})"
    if ece > limit:
        text += f"; on the whole they are {side}: {mean:.1%} predicted, {rate:.1%} came"
    return Finding("calibration", payload.reference.ece, ece, limit, ece > limit, text)


def _stability(
    what: str, title: str, profile: Profile, shares: Floats, payload: Payload, rows: int, limits: Limits
) -> Finding:
    was = np.array(profile.shares)
    value = psi(was, shares)
    occupied = int(np.count_nonzero((was > 0) | (shares > 0)))
    limit = psi_limit(occupied, rows, payload.reference.rows, limits)
    text = f"{title[0].upper()}{title[1:]}: PSI {value:.2f} (limit {limit:.2f})"
    if value > limit:
        i = int(np.argmax(np.abs(shares - was)))
        text += f"; most moved: {_bin_name(profile, i)}, {was[i]:.0%} → {shares[i]:.0%}"
    return Finding(what, 0.0, value, limit, value > limit, text)


def _bin_name(profile: Profile, i: int) -> str:
    names: list[Value] = list(profile.categories)
    if profile.categories:
        return str([*names, "other categories", "missing"][i])
    edges = profile.edges
    if i == len(profile.shares) - 1:
        return "missing"
    if not edges:
        return "any value"
    if i == 0:
        return f"below {edges[0]:.4g}"
    return f"{edges[i - 1]:.4g} and more" if i == len(edges) else f"{edges[i - 1]:.4g} to {edges[i]:.4g}"


def _advice(findings: list[Finding]) -> str:
    drifted = {finding.what for finding in findings if finding.drifted}
    if not drifted:
        return "No limit was passed; nothing needs doing."
    if drifted & {"label_rate", "calibration"}:
        return (
            "The outcomes moved away from the scores: run `fairlead scorer retrain` on the newest outcomes, and look "
            "whether thresholds in the decision tables still fit."
        )
    return (
        "The leads changed, their outcomes not visibly: check whether a source, form or campaign changed or a field "
        "is no longer filled; then run `fairlead scorer retrain`."
    )
