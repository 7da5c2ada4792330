"""Train the win model: logistic regression, then calibration on later data, judged on still later data.

Plain on purpose: some hundred closed opportunities a year carry no more, and its weights can be read. The same data and
seed give the same model, to the digit.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from workers.opportunity_prioritisation.domain.opportunity import STAGES
from workers.opportunity_prioritisation.domain.winning import NUMBERS, WinModel, numbers_of
from workers.opportunity_prioritisation.winning.snapshots import Parts, Snapshot, parts_of

Floats = NDArray[np.float64]
BINS = 5
ISOTONIC_FROM = 1_000
GRID = 50
FLOOR = 0.01
"""No chance is nearer to 0 or 1: nobody knows that much."""
_IDENTITY = ((0.0, 0.0), (1.0, 1.0))
_KNOWN_LIMITS = (
    "Proven on the newest held-out closings named here; when the market jumps it is wrong until it is trained again.",
    "Held-out snapshots are of opportunities that were closed by the end of the data: those that take very long are missing.",
    "Reasons say what moves the chance against the average opportunity. They are not causes.",
    "It is meant to order work. It must not judge the people who do it.",
)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and its card."""

    model: WinModel
    card: dict[str, Any]  # Any: JSON


def train(rows: Sequence[Snapshot], *, seed: int) -> Trained:
    """Fit, calibrate and judge.

    Raises:
        WinTrainingError: there is too little to learn from.
    """
    parts = parts_of(rows, seed)
    sources = sorted({one.opportunity.source for one in parts.fit})
    plain = _fitted(parts.fit, sources, seed)
    raw = _raw(plain, parts.calibrate)
    method, knots = _calibration(raw, _won(parts.calibrate))
    model = replace(plain, knots=knots)
    digest = hashlib.sha256(json.dumps(asdict(model), sort_keys=True).encode()).hexdigest()
    model = replace(model, version=f"win-{digest[:12]}")
    return Trained(model, _card(model, plain, parts, method, seed))


def _fitted(rows: Sequence[Snapshot], sources: Sequence[str], seed: int) -> WinModel:
    numbers = np.array([[numbers_of(one.opportunity, one.taken_at)[name] for name in NUMBERS] for one in rows])
    means, scales = numbers.mean(axis=0), numbers.std(axis=0)
    scales[scales == 0] = 1.0
    stages = np.array([[one.opportunity.stage == name for name in STAGES] for one in rows], dtype=float)
    origins = np.array([[one.opportunity.source == name for name in sources] for one in rows], dtype=float)
    features = np.hstack([(numbers - means) / scales, stages, origins])
    times = Counter(one.opportunity.id for one in rows)
    weights = np.array([1 / times[one.opportunity.id] for one in rows])
    fitted = LogisticRegression(C=1.0, max_iter=2_000, random_state=seed).fit(features, _won(rows), weights)
    found = [round(float(weight), 9) for weight in fitted.coef_[0]]
    count = len(NUMBERS)
    return WinModel(
        version="",
        means=dict(zip(NUMBERS, map(float, means), strict=True)),
        scales=dict(zip(NUMBERS, map(float, scales), strict=True)),
        weights=dict(zip(NUMBERS, found[:count], strict=True)),
        stages=dict(zip(STAGES, found[count : count + len(STAGES)], strict=True)),
        sources=dict(zip(sources, found[count + len(STAGES) :], strict=True)),
        intercept=round(float(fitted.intercept_[0]), 9),
        knots=_IDENTITY,
    )


def _calibration(raw: Floats, won: Floats) -> tuple[str, list[tuple[float, float]]]:
    """Its name and its knots. Isotonic regression overfits where there is little data (Niculescu-Mizil and Caruana 2005):
    below `ISOTONIC_FROM` rows Platt's sigmoid of the log-odds is taken, on a grid.
    """
    if len(raw) >= ISOTONIC_FROM:
        isotonic = IsotonicRegression(out_of_bounds="clip").fit(raw, won)
        name, pairs = "isotonic", list(zip(isotonic.X_thresholds_, isotonic.y_thresholds_, strict=True))
    else:
        sigmoid = LogisticRegression(C=1e6, max_iter=2_000).fit(_log_odds(raw), won)
        grid = np.linspace(0, 1, GRID + 1)
        name, pairs = "sigmoid (Platt)", list(zip(grid, sigmoid.predict_proba(_log_odds(grid))[:, 1], strict=True))
    return name, [(round(float(x), 9), round(min(max(float(y), FLOOR), 1 - FLOOR), 9)) for x, y in pairs]


def _log_odds(raw: Floats) -> Floats:
    held = np.clip(raw, 1e-6, 1 - 1e-6)
    column: Floats = np.log(held / (1 - held)).reshape(-1, 1)
    return column


def _card(model: WinModel, plain: WinModel, parts: Parts, method: str, seed: int) -> dict[str, Any]:  # Any: JSON
    won = _won(parts.test)
    chances = np.array([model.chance(one.opportunity, one.taken_at) for one in parts.test])
    base = float(_won(parts.fit).mean())
    return {
        "model": model.version,
        "method": f"logistic regression, {method} calibration",
        "features": [*NUMBERS, "stage", "source"],
        "seed": seed,
        "fitted_to": {"snapshots": len(parts.fit), "opportunities": len({one.opportunity.id for one in parts.fit}),
                      "won": base, "closed_before": parts.calibrate_from.isoformat()},
        "calibrated_on": {"opportunities": len(parts.calibrate), "taken_from": parts.calibrate_from.isoformat()},
        "held_out": {
            "opportunities": len(parts.test),
            "taken_from": parts.test_from.isoformat(),
            "won": float(won.mean()),
            "auc": float(roc_auc_score(won, chances)),
            "brier": float(brier_score_loss(won, chances)),
            "brier_of_base_rate": float(brier_score_loss(won, np.full(len(won), base))),
            "brier_before_calibration": float(brier_score_loss(won, _raw(plain, parts.test))),
            "ece": calibration_error(won, chances),
            "ece_before_calibration": calibration_error(won, _raw(plain, parts.test)),
            "calibration": [
                {"rows": rows, "predicted": predicted, "observed": observed}
                for rows, predicted, observed in reliability(won, chances)
            ],
        },
        "libraries": {"python": platform.python_version(), "scikit-learn": version("scikit-learn")},
        "known_limits": list(_KNOWN_LIMITS),
    }  # fmt: skip


def reliability(won: Floats, chances: Floats) -> list[tuple[int, float, float]]:
    """Five bins of equal size by chance: rows, mean prediction, observed rate."""
    order = np.argsort(chances, kind="stable")
    return [(len(part), float(chances[part].mean()), float(won[part].mean())) for part in np.array_split(order, BINS)]


def calibration_error(won: Floats, chances: Floats) -> float:
    """Expected calibration error over those bins (Naeini et al. 2015, with bins of equal mass)."""
    return sum(rows * abs(predicted - observed) for rows, predicted, observed in reliability(won, chances)) / len(won)


def _won(rows: Sequence[Snapshot]) -> Floats:
    return np.array([one.won for one in rows], dtype=float)


def _raw(model: WinModel, rows: Sequence[Snapshot]) -> Floats:
    return np.array([model.raw(one.opportunity, one.taken_at) for one in rows])
