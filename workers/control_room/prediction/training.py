"""From tasks of the past to a model: moments in their lives, parted by time, fitted, calibrated on what came later.

Three slices by the time of creation: the oldest 70 % of the tasks to fit on, the next 15 % to calibrate on, the newest
15 % to judge by. A task belongs to a slice only if it was due before the next one begins, so that nothing of a later
slice is known in an earlier one. Whether it was due decides, not whether it ended: else those that end early would be
too many among the newest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression

from workers.control_room.prediction.features import CATEGORIES, FEATURES, Moments, matrix
from workers.control_room.prediction.history import LOOK_BACK, MOST, Bools, Floats, History, Ints
from workers.control_room.prediction.model import QUANTILES, Model, texts
from workers.control_room.today import AT_RISK

MOMENTS = 6
"""Looked at in the life of each task, spread over its time until it is due, as a page would see it."""
FIT, CALIBRATE = 0.7, 0.85
"""Where the slices end."""
MOST_TASKS = 15_000
"""Trained on; of more, the newest."""
FEWEST_TASKS, FEWEST_OF_EACH, FEWEST_TIMED = 300, 30, 200
"""Without so many tasks that were due, so many of them late and so many in time, nothing is trained; without so many
moments whose instance ended, no remaining times are."""
SEED = 1
_COMMON = {
    "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 40, "feature_fraction": 0.8, "bagging_fraction": 0.8,
    "bagging_freq": 1, "lambda_l2": 5.0, "num_threads": 1, "deterministic": True, "seed": SEED, "verbosity": -1,
}  # fmt: skip
_TREES = 150

Gone = Callable[[Ints, Floats], Awaitable[Floats]]
"""`history.gone_through` on some connection."""


class TooFew(Exception):
    """There is not enough to learn from; the message says how much there is."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Moments with what was known then, and what became of them."""

    moments: Moments
    gone: Floats
    late: Floats
    """1: the due time ran out."""
    used: Floats
    """Part of the time until it is due that was gone."""
    remaining: Floats
    """Seconds until the instance ended; NaN: not known by the end of the slice, or not fairly (see `_remaining`)."""

    @property
    def timed(self) -> Bools:
        """Those whose remaining time is known."""
        return ~np.isnan(self.remaining)

    def __len__(self) -> int:
        return len(self.moments)


@dataclass(frozen=True, slots=True)
class Slices:
    """Numbers of tasks, and where the slices part (seconds since 1970)."""

    fit: Ints
    calibrate: Ints
    judge: Ints
    calibrate_from: float
    judge_from: float
    until: float


def slices(history: History, until: float) -> Slices:
    """Part the tasks that were due by a moment.

    Raises:
        TooFew: with numbers.
    """
    # Of a history that was cut off, the first tasks lack the records of those before them.
    whole = history.created >= history.created[0] + LOOK_BACK if len(history) >= MOST else True
    tasks = np.flatnonzero(history.usable & (history.due <= until) & whole)[-MOST_TASKS:]
    late = int(history.late[tasks].sum())
    if len(tasks) < FEWEST_TASKS or min(late, len(tasks) - late) < FEWEST_OF_EACH:
        raise TooFew(
            f"{len(tasks)} tasks were due so far, {late} of them ran over; {FEWEST_TASKS} are needed, with "
            f"{FEWEST_OF_EACH} that ran over and {FEWEST_OF_EACH} that did not."
        )
    created, due = history.created[tasks], history.due[tasks]
    second, third = created[int(FIT * len(tasks))], created[int(CALIBRATE * len(tasks))]
    parts = (
        tasks[(created < second) & (due <= second)],
        tasks[(created >= second) & (created < third) & (due <= third)],
        tasks[created >= third],
    )
    for name, part in zip(("fit on", "calibrate on", "judge by"), parts, strict=True):
        found = int(history.late[part].sum())
        if min(found, len(part) - found) < FEWEST_OF_EACH / 6:
            raise TooFew(f"Of the {len(part)} tasks to {name}, {found} ran over: too few of one kind to learn from.")
    return Slices(*parts, float(second), float(third), until)


def moments_of(history: History, tasks: Ints) -> Moments:
    """`MOMENTS` of each task, one in each equal part of its time, those at which it was open; by the task's key alone."""
    mixed = (history.key[tasks].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    start = mixed.astype(np.float64) / 2**24
    found = [_open(history, tasks, (number + (start + 0.618 * number) % 1) / MOMENTS) for number in range(MOMENTS)]
    return Moments(np.concatenate([one.task for one in found]), np.concatenate([one.at for one in found]))


def at_part(history: History, tasks: Ints, part: float) -> Moments:
    """The moment of each task at which a part of its time was gone, where it was open then."""
    return _open(history, tasks, np.full(len(tasks), part))


def _open(history: History, tasks: Ints, part: Floats) -> Moments:
    at = history.created[tasks] + part * (history.due[tasks] - history.created[tasks])
    # To the millisecond, as the log is.
    at = np.floor(at * 1_000) / 1_000
    found = np.isnan(history.ended[tasks]) | (history.ended[tasks] > at)
    return Moments(tasks[found], at[found])


async def rows(history: History, moments: Moments, end: float, gone: Gone) -> Rows:
    """What is known of moments whose slice ends at a moment."""
    task = moments.task
    allowed = history.due[task] - history.created[task]
    return Rows(
        moments,
        await gone(history.instance[task], moments.at),
        history.late[task].astype(np.float64),
        (moments.at - history.created[task]) / allowed,
        _remaining(history, moments, end),
    )


def _remaining(history: History, moments: Moments, end: float) -> Floats:
    """Seconds until the instances ended.

    Shortly before the end of a slice only short ones have: moments count that have as much time behind them as 95 % of
    the instances needed.
    """
    ended = history.instance_ended[moments.task]
    known = ended <= end
    left = np.maximum(ended - moments.at, 0.0)
    if known.any():
        known &= moments.at <= end - np.quantile(left[known], 0.95)
    return np.where(known, left, np.nan)


def fit(history: History, to_fit: Rows, to_calibrate: Rows, parted: Slices) -> Model:
    """Train on one slice, calibrate on the next."""
    places = tuple(sorted(set(history.place[parted.fit].tolist())))
    numbers = {name: number for number, name in enumerate(places)}
    table = matrix(history, to_fit.moments, to_fit.gone, numbers)
    later = matrix(history, to_calibrate.moments, to_calibrate.gone, numbers)
    risk = _booster({"objective": "binary"}, table, to_fit.late)
    odds = np.asarray(risk.predict(later, raw_score=True, num_threads=1), dtype=np.float64)
    # Hardly any penalty: two parameters, many rows.
    platt = LogisticRegression(C=1e6).fit(odds.reshape(-1, 1), to_calibrate.late)
    timed, timed_later = to_fit.timed, to_calibrate.timed
    times: list[lightgbm.Booster] = []
    widen = 0.0
    if min(timed.sum(), timed_later.sum()) >= FEWEST_TIMED / 4 and timed.sum() >= FEWEST_TIMED:
        logs = np.log1p(to_fit.remaining[timed])
        times = [_booster({"objective": "quantile", "alpha": part}, table[timed], logs) for part in QUANTILES]
        found = np.sort(np.column_stack([one.predict(later[timed_later], num_threads=1) for one in times]), axis=1)
        widen = conformal(found, np.log1p(to_calibrate.remaining[timed_later]))
    fired = to_fit.used >= AT_RISK
    return Model(
        version=f"prediction-{datetime.fromtimestamp(parted.until, UTC):%Y%m%dT%H%M%S}",
        fitted_until=parted.judge_from,
        tasks=len(parted.fit) + len(parted.calibrate),
        places=places,
        risk=risk.model_to_string(),
        slope=float(platt.coef_[0, 0]),
        intercept=float(platt.intercept_[0]),
        times=texts(times),
        widen=widen,
        late_share=float(to_fit.late.mean()),
        rule_shares=(_share(to_fit.late[fired]), _share(to_fit.late[~fired])),
        usual=_usual(history, to_fit) if times else {},
    )


def conformal(found: Floats, seen: Floats) -> float:
    """What to widen intervals by on each side, so that they hold as many of a later slice as they say."""
    misses = np.maximum(found[:, 0] - seen, seen - found[:, -1])
    level = min(1.0, np.ceil((len(misses) + 1) * (QUANTILES[-1] - QUANTILES[0])) / len(misses))
    return float(np.quantile(misses, level, method="higher"))


def _booster(given: dict[str, object], table: Floats, labels: Floats) -> lightgbm.Booster:
    data = lightgbm.Dataset(
        table, labels, feature_name=list(FEATURES), categorical_feature=list(CATEGORIES), free_raw_data=True
    )
    return lightgbm.train({**_COMMON, **given}, data, num_boost_round=_TREES)


def _share(late: Floats) -> float:
    """With one of each added, so that no share is 0 or 1."""
    return float((late.sum() + 1) / (len(late) + 2))


def _usual(history: History, found: Rows) -> dict[str, tuple[float, ...]]:
    timed = found.timed
    place, left = history.place[found.moments.task[timed]], found.remaining[timed]

    def quantiles(seconds: Floats) -> tuple[float, ...]:
        return tuple(float(value) for value in np.quantile(seconds, QUANTILES))

    return {"": quantiles(left)} | {
        str(name): quantiles(left[place == name]) for name in np.unique(place) if (place == name).sum() >= 20
    }
