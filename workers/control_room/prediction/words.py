"""Features in words, so that a prediction can be argued with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workers.control_room.prediction.features import FEATURES
from workers.control_room.prediction.history import Floats
from workers.control_room.rendering import duration

SAID = 3
"""The most reasons for, and against."""
LEAST = 0.1
"""Log-odds that a reason must move."""
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Value = Callable[[float], str]


def _count(one: str, many: str) -> Value:
    return lambda value: one if value == 1 else many.format(f"{value:.0f}")


def _time(text: str) -> Value:
    return lambda value: text.format(duration(value))


def _share(text: str) -> Value:
    return lambda value: text.format(f"{100 * value:.0f} %")


def _hour(text: str) -> Value:
    return lambda value: text.format(f"{int(value):02}:{int(value % 1 * 60):02} UTC")


_WORDS: dict[str, Value] = {
    "place": lambda _: "the step at which it waits",
    "alone": lambda value: "one person alone may do it" if value else "anybody of a group may do it",
    "elapsed": _time("the case is {} old"),
    "waited": _time("it has waited for {}"),
    "allowed": _time("its time is {} in all"),
    "left": _time("{} are left"),
    "used": _share("{} of its time are gone"),
    "hour": _hour("it is {}"),
    "weekday": lambda value: f"it is {_DAYS[int(value)]}",
    "due_hour": _hour("it is due at {}"),
    "due_weekday": lambda value: f"it is due on a {_DAYS[int(value)]}",
    "steps": _count("the case has passed 1 element", "the case has passed {} elements"),
    "incidents": _count("the case has had an incident", "the case has had {} incidents"),
    "rounds": _count("it was asked once before", "it was asked {} times before"),
    "rounds_late": _count("it ran over once before", "it ran over {} times before"),
    "person_open": _count("whoever has it has no other task", "whoever has it has {} open tasks"),
    "person_done": _count("whoever has it did 1 such task of late", "whoever has it did {} tasks of late"),
    "person_late": _share("whoever has it ran over in {} of late"),
    "person_pace": _time("whoever has it usually takes {}"),
    "person_idle": _time("whoever has it did the last task {} ago"),
    "person_used": _share("whoever has it usually needs {} of the time"),
    "place_open": _count("nothing else waits at this step", "{} wait at this step"),
    "place_done": _count("1 was done at this step of late", "{} were done at this step of late"),
    "place_late": _share("{} run over at this step of late"),
    "place_pace": _time("this step usually takes {}"),
    "place_idle": _time("the last one at this step was done {} ago"),
}


def reasons(row: Floats, contributions: Floats) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What speaks for a miss most, and what against it.

    Args:
        row: of `features.matrix`.
        contributions: of the same row (`Model.contributions`).
    """
    order = np.argsort(-np.abs(contributions))
    said = [(contributions[at], _say(FEATURES[at], float(row[at]))) for at in order if abs(contributions[at]) >= LEAST]
    # A nearly equal sentence twice would only take room.
    return (
        tuple(dict.fromkeys(text for moved, text in said if moved > 0))[:SAID],
        tuple(dict.fromkeys(text for moved, text in said if moved < 0))[:SAID],
    )


def _say(name: str, value: float) -> str:
    if np.isnan(value):
        return (
            "nothing is known of whoever has it" if name.startswith("person") else f"{name.replace('_', ' ')}: unknown"
        )
    return _WORDS[name](value)
