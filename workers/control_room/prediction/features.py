"""What a model may know of a task at a moment: only what the log held by then.

The same function serves training, where the moment is long past and the log goes on, and prediction, where it is now. That
nothing later is looked at is tested by cutting the log off at the moment: the features must stay the same. Therefore
columns that change later are left alone: the assignee (claimed shortly before the end), an instance's human seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.control_room.prediction.history import LOOK_BACK, Bools, Floats, History, Ints

FEATURES = (
    "place", "alone", "elapsed", "waited", "allowed", "left", "used", "hour", "weekday", "due_hour", "due_weekday", "steps",
    "incidents", "rounds", "rounds_late", "person_open", "person_done", "person_late", "person_pace", "person_idle", "person_used",
    "place_open", "place_done", "place_late", "place_pace", "place_idle",
)  # fmt: skip
"""Names of the columns. Times in seconds, hours and weekdays in UTC; NaN: unknown."""
CATEGORIES = ("place",)

PRIOR = 4.0
"""A record of few tasks is drawn towards that of all: so many tasks of the average are added."""
HOUR, DAY = 3_600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Moments:
    """Tasks looked at, by number in the history, and when (seconds since 1970)."""

    task: Ints
    at: Floats

    def __len__(self) -> int:
        return len(self.task)

    def take(self, rows: Bools | Ints) -> Moments:
        """Some of them."""
        return Moments(self.task[rows], self.at[rows])


class Ledger:
    """What happened, by key: how often, and sums of values, up to a moment."""

    def __init__(self, keys: Ints, times: Floats, *values: Floats) -> None:
        order = np.lexsort((times, keys))
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        columns = np.column_stack([np.ones(len(keys)), *values])[order]
        self._width = columns.shape[1]
        self._of: dict[int, tuple[Floats, Floats]] = {}
        for part in np.split(np.arange(len(order)), ends) if len(order) else ():
            total = np.vstack([np.zeros(self._width), np.cumsum(columns[part], axis=0)])
            self._of[int(keys[order[part[0]]])] = (times[order[part]], total)

    def sums(self, keys: Ints, at: Floats, within: float = np.inf) -> Floats:
        """Number and sums of what happened in (at - within, at]: a row for each."""
        found = np.zeros((len(keys), self._width))
        for times, total, rows in self._asked(keys):
            last = np.searchsorted(times, at[rows], "right")
            first = np.searchsorted(times, at[rows] - within, "right") if np.isfinite(within) else 0
            found[rows] = total[last] - total[first]
        return found

    def since_last(self, keys: Ints, at: Floats) -> Floats:
        """Seconds since it happened last; NaN: it never did."""
        found = np.full(len(keys), np.nan)
        for times, _, rows in self._asked(keys):
            last = np.searchsorted(times, at[rows], "right")
            known = last > 0
            found[rows[known]] = at[rows][known] - times[last[known] - 1]
        return found

    def _asked(self, keys: Ints) -> list[tuple[Floats, Floats, Ints]]:
        order = np.argsort(keys, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(keys[order])) + 1) if len(order) else []
        return [(*self._of[int(keys[rows[0]])], rows) for rows in parts if int(keys[rows[0]]) in self._of]


def matrix(history: History, moments: Moments, gone: Floats, places: Mapping[str, int]) -> Floats:
    """The columns `FEATURES` of each moment.

    Args:
        history: reaches `LOOK_BACK` before the earliest moment.
        moments: each with its task created by then.
        gone: `history.gone_through` of the same moments.
        places: numbers of the categories that the model knows.
    """
    task, at = moments.task, moments.at
    created, due = history.created[task], history.due[task]
    person = _numbers(history.person)
    place = _numbers(history.place)
    again = _numbers(np.char.add(np.char.add(history.instance.astype(np.str_), " "), history.place))
    alone = history.person[task] != ""
    of_person = _record(history, person, task, at)
    of_place = _record(history, place, task, at)
    for name in ("open", "done", "late", "pace", "idle", "used"):
        of_person[name] = np.where(alone, of_person[name], np.nan)
    earlier = Ledger(again, history.created).sums(again[task], at)[:, 0] - 1
    late = history.late
    ran_over = Ledger(again[late], history.due[late]).sums(again[task], at)[:, 0]
    columns = {
        "place": np.array([places.get(name, np.nan) for name in history.place[task]], dtype=np.float64),
        "alone": alone.astype(np.float64),
        # A broker's clock may be ahead of ours: nothing takes less than no time.
        "elapsed": np.maximum(at - history.began[task], 0.0),
        "waited": np.maximum(at - created, 0.0),
        "allowed": due - created,
        "left": due - at,
        "used": np.maximum(at - created, 0.0) / np.maximum(due - created, 1.0),
        "hour": at % DAY / HOUR,
        "weekday": _weekday(at),
        "due_hour": due % DAY / HOUR,
        "due_weekday": _weekday(due),
        "steps": gone[:, 0],
        "incidents": gone[:, 1],
        "rounds": earlier,
        "rounds_late": ran_over,
        **{f"person_{name}": of_person[name] for name in ("open", "done", "late", "pace", "idle", "used")},
        **{f"place_{name}": of_place[name] for name in ("open", "done", "late", "pace", "idle")},
    }
    return np.column_stack([columns[name] for name in FEATURES])


def _record(history: History, keys: Ints, task: Ints, at: Floats) -> dict[str, Floats]:
    """What somebody, or a step, has at a moment: open tasks, and the record of the last `LOOK_BACK` seconds."""
    asked = keys[task]
    answered = history.completed & ~np.isnan(history.ended)
    ended = ~np.isnan(history.ended)
    took = np.log1p(history.ended - history.created)
    allowed = np.maximum(history.due - history.created, 1.0)
    part = np.minimum((history.ended - history.created) / allowed, 5.0)
    settled = Ledger(keys, history.settled, history.late.astype(np.float64))
    everybody = np.zeros(len(keys), dtype=np.int64)
    of_all = Ledger(everybody, history.settled, history.late.astype(np.float64)).sums(
        np.zeros(len(task), dtype=np.int64), at, LOOK_BACK
    )
    done = Ledger(keys[answered], history.ended[answered], took[answered], part[answered])
    begun = Ledger(keys, history.created).sums(asked, at)[:, 0]
    over = Ledger(keys[ended], history.ended[ended]).sums(asked, at)[:, 0]
    known = settled.sums(asked, at, LOOK_BACK)
    average = np.divide(of_all[:, 1], of_all[:, 0], out=np.zeros(len(task)), where=of_all[:, 0] > 0)
    sums = done.sums(asked, at, LOOK_BACK)

    def mean(column: int) -> Floats:
        found: Floats = np.divide(sums[:, column], sums[:, 0], out=np.full(len(task), np.nan), where=sums[:, 0] > 0)
        return found

    return {
        "open": begun - over,
        "done": sums[:, 0],
        "late": (known[:, 1] + PRIOR * average) / (known[:, 0] + PRIOR),
        "pace": np.expm1(mean(1)),
        "used": mean(2),
        "idle": done.since_last(asked, at),
    }


def _numbers(names: NDArray[np.str_]) -> Ints:
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _weekday(at: Floats) -> Floats:
    """0: Monday; 1970 began on a Thursday."""
    return np.floor(at / DAY + 3) % 7
