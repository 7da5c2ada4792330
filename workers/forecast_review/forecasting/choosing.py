"""The champion of each node, by what its models did at earlier origins.

A node's own record is short (a few origins), and the best of many models on a short record is often lucky. Each model's
relative error on the node is therefore shrunk towards its relative error on all nodes, by as much as the record is noise
(empirical Bayes, Efron & Morris 1975). Then the simplest model within the margin of the best wins, and none that lost to
the seasonal naive forecast on the node can.

Where a node has a champion from the review before, it stays until a challenger was better by more than the margin at two
reviews in a row, or until it loses to the seasonal naive forecast: a champion that changes each month makes forecasts jump
for no reason that a person could see.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.forecast_review.forecasting.fitting import Base
from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.incumbents import Incumbent, Incumbents
from workers.forecast_review.forecasting.models import GATE, LEAST

WINS = 2
"""Reviews in a row that a challenger must win."""


@dataclass(frozen=True)
class Choice:
    """One node's champion and why it is that."""

    champion: str
    mase: float
    """Of the champion at the earlier origins, by what is known of them now, repaired, and before reconciliation; NaN without a
    record."""
    gate_mase: float
    """Of the seasonal naive forecast at the same origins."""
    runner_up: str
    why: str
    challenger: str = ""
    """The model that was better than the champion of the review before, which stays for now."""
    wins: int = 0


def usable(base: Base, at: int) -> list[int]:
    """Places of the origins whose horizon was over at the origin in place `at`: all that may be learned from there."""
    return [o for o in range(at) if base.origins[o] + base.horizon <= base.origins[at]]


def origin_errors(base: Base, at: int, places: Sequence[int]) -> Floats:
    """MASE at some origins, by what is known of them at the origin in place `at`: origins x nodes x models."""
    places = list(places)
    errors = np.abs(base.forecasts[places] - base.seen[at, places][:, :, None, :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no actual known: NaN
        mean: Floats = np.nanmean(errors, axis=-1)
    # A model without a forecast has no error, whatever nanmean makes of some missing months.
    mean[np.isnan(base.forecasts[places]).any(axis=-1)] = np.nan
    return mean / base.scale[places][:, :, None]


def choose(base: Base, at: int, *, margin: float, incumbents: Incumbents | None = None) -> list[Choice]:
    """Champions at the origin in place `at`, one for each node, by earlier origins only.

    `incumbents` hold what was known at a review after those origins: give them for the present origin and no other.
    """
    gate = base.model(GATE)
    there = np.isfinite(base.forecasts[at]).all(axis=-1)
    places = usable(base, at)
    if not places:
        return [_unproved() for n in range(len(base.hierarchy.nodes))]
    errors = origin_errors(base, at, places)
    # Where a series was too young for models, the gate ran alone: that is no comparison.
    old_enough = base.length[places] >= LEAST
    errors = np.where(there[None] & old_enough[:, :, None], errors, np.nan)
    score = shrunk(errors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing known: NaN
        own: Floats = np.nanmean(errors, axis=0)
    found = []
    for n in range(len(base.hierarchy.nodes)):
        # Only what was measured wherever the gate was can be compared with it.
        whole = np.isfinite(errors[:, n]).sum(axis=0) == np.isfinite(errors[:, n, gate]).sum()
        allowed = there[n] & whole & np.isfinite(score[n]) & (own[n] <= own[n, gate])
        if not allowed.any():
            found.append(_unproved())
            continue
        ranked = np.where(allowed, score[n], np.inf)
        best = float(ranked.min())
        winner = int(np.flatnonzero(ranked <= best * (1 + margin))[0])
        one = (incumbents or {}).get(base.hierarchy.nodes[n])
        champion, verdict = _defended(base, one, winner, ranked, margin) if one else (winner, _Verdict())
        others = [m for m in np.argsort(ranked, kind="stable") if m != champion and allowed[m]]
        runner_up = base.models[int(others[0])] if others else ""
        best_place = int(ranked.argmin()) if one is None else champion
        choice = _proved(base, own[n], champion, best_place, runner_up, len(places))
        found.append(replace(choice, why=choice.why + verdict.why, challenger=verdict.challenger, wins=verdict.wins))
    return found


@dataclass(frozen=True)
class _Verdict:
    """What is said of a champion that was challenged."""

    challenger: str = ""
    wins: int = 0
    why: str = ""


def _defended(base: Base, one: Incumbent, winner: int, ranked: Floats, margin: float) -> tuple[int, _Verdict]:
    """The champion's place after the present review, by the rule of the module's docstring; `ranked` is inf where a model
    cannot be compared or lost to the seasonal naive forecast.
    """
    before = base.models.index(one.champion) if one.champion in base.models else None
    if before is None:
        return winner, _Verdict(why=f"; {one.champion}, the champion before, does not compete any more")
    if not np.isfinite(ranked[before]):
        return winner, _Verdict(why=f"; {one.champion}, the champion before, lost to the seasonal naive forecast")
    if winner == before or ranked[before] <= ranked.min() * (1 + margin):
        return before, _Verdict()
    name = base.models[winner]
    wins = one.wins + 1 if one.challenger == name else 1
    if wins >= WINS:
        return winner, _Verdict(why=f"; better than {one.champion}, the champion before, at {wins} reviews in a row")
    return before, _Verdict(name, wins, f"; {name} was better this time and replaces it if it is again")


def shrunk(errors: Floats) -> Floats:
    """Relative error of each model on each node, shrunk towards its mean over the nodes: nodes x models.

    `errors` is origins x nodes x models. Errors at one origin are divided by their median over the models, so that a hard
    year counts as much as an easy one. How much of the differences is noise is the median over the models too: a hopeless
    model, bad everywhere in its own way, must not say how far the good ones can be told apart.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing known: NaN
        relative = errors / np.nanmedian(errors, axis=2, keepdims=True)
        own = np.nanmean(relative, axis=0)
        overall = np.nanmean(own, axis=0)
        count = np.isfinite(relative).sum(axis=0)
        noise = np.nanmedian(np.nanmean(np.nanvar(relative, axis=0, ddof=1), axis=0)) if len(errors) > 1 else np.inf
        spread = np.nanmedian(np.nanvar(own, axis=0))
    if not np.isfinite(noise):
        # One origin cannot say how noisy it is.
        return np.where(np.isfinite(own), overall, np.nan)
    between = max(0.0, spread - noise / max(1.0, float(np.median(count[count > 0]))))
    weight = between / (between + noise / np.maximum(count, 1)) if between > 0 else np.zeros_like(own)
    return np.where(np.isfinite(own), weight * own + (1 - weight) * overall, np.nan)


def _unproved() -> Choice:
    """Without a record nothing beats the seasonal naive forecast."""
    return Choice(GATE, float("nan"), float("nan"), "", "no origin to compare models at: the seasonal naive forecast")


def _proved(base: Base, own: Floats, winner: int, best: int, runner_up: str, origins: int) -> Choice:
    name, gate = base.models[winner], float(own[base.model(GATE)])
    if name == GATE:
        why = f"no model was better than the seasonal naive forecast at {origins} origins"
    else:
        why = f"MASE {own[winner]:.2f} against {gate:.2f} of the seasonal naive forecast at {origins} origins"
    if winner != best:
        why += f"; {base.models[best]} is better by less than the margin and less simple"
    return Choice(name, float(own[winner]), gate, runner_up, why)
