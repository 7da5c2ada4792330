"""How good a model is on tasks that are newer than all it has seen, beside today's rule and beside what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sklearn.metrics import roc_auc_score

from workers.control_room.foresight import Bin, Figures, Sides, Warned
from workers.control_room.prediction.features import matrix
from workers.control_room.prediction.history import Bools, Floats, History, Ints
from workers.control_room.prediction.model import QUANTILES, Model
from workers.control_room.prediction.training import Gone, Rows, at_part, moments_of, rows
from workers.control_room.today import AT_RISK

BINS = 10
PARTS = tuple(number / 10 for number in range(10))
"""Of a task's time: when warnings are looked for."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The tasks that are judged by, and their moments: made once for several models."""

    history: History
    tasks: Ints
    spread: Rows
    """As when training."""
    regular: tuple[Rows, ...]
    """At each of `PARTS`."""


async def evidence(history: History, tasks: Ints, until: float, gone: Gone) -> Evidence:
    """Look at tasks that were due by a moment."""
    regular = [await rows(history, at_part(history, tasks, part), until, gone) for part in PARTS]
    return Evidence(history, tasks, await rows(history, moments_of(history, tasks), until, gone), tuple(regular))


def judge(model: Model, found: Evidence, at_risk_from: float) -> Figures:
    """All figures of a model.

    Args:
        model: fitted on older tasks.
        found: at least one task late and one in time.
        at_risk_from: the risk from which on a case is shown as at risk.
    """
    history, spread = found.history, found.spread
    predicted = model.predict(matrix(history, spread.moments, spread.gone, model.numbers))
    fired = spread.used >= AT_RISK
    shares = np.where(fired, *model.rule_shares)
    sides = predicted.risk, shares, fired.astype(np.float64), np.full(len(spread), model.late_share)
    timed = spread.timed if model.times else np.zeros(len(spread), dtype=np.bool_)
    left, said = spread.remaining[timed], predicted.remaining[timed]
    usual = np.array(
        [model.usual.get(str(name), model.usual.get("")) for name in history.place[spread.moments.task[timed]]]
    )
    created = history.created[found.tasks]
    return Figures(
        tasks=len(found.tasks),
        moments=len(spread),
        since=_moment(created.min()),
        until=_moment(created.max()),
        late=float(history.late[found.tasks].mean()),
        brier=Sides(**_named([brier(spread.late, side) for side in sides])),
        ece=Sides(**_named([calibration_error(spread.late, side) for side in sides])),
        auc=float(roc_auc_score(spread.late, predicted.risk)),
        bins=tuple(reliability(spread.late, predicted.risk)),
        timed=int(timed.sum()),
        pinball=pinball(left, said) if timed.any() else None,
        usual=pinball(left, usual) if timed.any() else None,
        coverage=float(np.mean((said[:, 0] <= left) & (left <= said[:, -1]))) if timed.any() else None,
        at_risk_from=at_risk_from,
        warned=_warned(found, [_risk(model, history, one) >= at_risk_from for one in found.regular]),
        warned_by_rule=_warned(found, [one.used >= AT_RISK - 1e-9 for one in found.regular]),
    )


def brier(late: Floats, risk: Floats) -> float:
    """Mean squared distance of a probability from what came (Brier 1950)."""
    return float(np.mean((risk - late) ** 2))


def reliability(late: Floats, risk: Floats) -> list[Bin]:
    """Bins of about equal size by risk; equal risks are in one bin."""
    bounds = np.unique(np.quantile(risk, np.arange(1, BINS) / BINS))
    number = np.searchsorted(bounds, risk, "right")
    return [
        Bin(moments=int(here.sum()), predicted=float(risk[here].mean()), observed=float(late[here].mean()))
        for here in (number == one for one in np.unique(number))
    ]


def calibration_error(late: Floats, risk: Floats) -> float:
    """Expected calibration error: mean distance of prediction and outcome over `reliability` (Naeini et al. 2015)."""
    return sum(one.moments * abs(one.predicted - one.observed) for one in reliability(late, risk)) / len(late)


def pinball(seen: Floats, said: Floats) -> float:
    """Mean quantile loss over `QUANTILES` (Koenker and Bassett 1978), in the unit of what was seen."""
    losses = [
        np.maximum(part * (seen - said[:, number]), (part - 1) * (seen - said[:, number]))
        for number, part in enumerate(QUANTILES)
    ]
    return float(np.mean(losses))


def _risk(model: Model, history: History, one: Rows) -> Floats:
    return model.predict(matrix(history, one.moments, one.gone, model.numbers)).risk


def _warned(found: Evidence, flags: Sequence[Bools]) -> Warned:
    """Each task by its first warning."""
    history, tasks = found.history, found.tasks
    first = np.full(len(tasks), np.nan)
    place = {int(task): number for number, task in enumerate(tasks)}
    for part, one, flagged in reversed(list(zip(PARTS, found.regular, flags, strict=True))):
        for task in one.moments.task[flagged]:
            first[place[int(task)]] = part
    late, warned = history.late[tasks], ~np.isnan(first)
    caught = late & warned
    ahead = (1 - first[caught]) * (history.due[tasks] - history.created[tasks])[caught]
    return Warned(
        caught=float(warned[late].mean()),
        right=float(late[warned].mean()) if warned.any() else 0.0,
        ahead=float(np.median(ahead)) if caught.any() else 0.0,
        early=float((first[late] <= 0.5).mean()),
    )


def _named(values: Sequence[float]) -> dict[str, float]:
    return dict(zip(("model", "shares", "rule", "base"), values, strict=True))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(float(at), UTC)
