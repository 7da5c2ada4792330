"""Promises with and without the process, in a made-up organisation whose assumptions are written down.

It answers: if reminders and managers work as often as assumed, how many promises are missed? It is no measurement of people;
what it gives is mostly what is assumed about forgetting, and so all of it is stated and varied.

Time goes in half-hours of the office's working day. A rep makes a contact in a free slot, among the promises known to the
rep that are due within a working day, the earliest first. A promise that was forgotten is not known. Without the process it
stays so; with it, the reminder of the table `follow_up_plan` (two working hours before) and the manager (four after) each
make it known in a share of the cases. Somebody who is away makes no contact; with the process absences that are known when
it is promised, and all that the manager is told of, go to a colleague.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev

STEPS_A_DAY = 17
"""Half-hours of eight and a half hours."""
REMIND_STEPS, ESCALATE_STEPS = 4, 8
"""As the usual promise in `follow_up_plan`: 120 minutes before, 240 after."""
MISSED_STEPS = STEPS_A_DAY
"""No contact within a working day after the promised time: missed; within it: late."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is assumed of the organisation. None of it was measured."""

    promises_a_day: float = 6.0
    """Of each rep, Poisson."""
    slots_a_day: float = 8.0
    """For promised contacts, Poisson: three quarters of them are needed."""
    days_ahead: tuple[float, float] = (0.5, 8.0)
    """When a promise is due, uniform, in working days."""
    remembered: tuple[float, float] = (8.5, 1.5)
    """Parameters of the beta distribution that a rep's share of remembered promises is drawn from; its mean is 85 %."""
    absences_a_day: float = 0.02
    """Chance that an absence begins on a day."""
    absent_days: int = 3
    known_absences: float = 0.5
    """Share of absences that are in the calendar when it is promised."""


@dataclass(frozen=True, slots=True)
class Effect:
    """How often the process helps; the assumption that matters most."""

    reminder: float
    """Share of forgotten promises that a reminder brings back."""
    manager: float
    """Share of overdue ones that the manager sees to."""


ASSUMED = Assumed()
EFFECTS = {"Cautious": Effect(0.3, 0.3), "Middle": Effect(0.6, 0.6), "Hopeful": Effect(0.8, 0.8)}


@dataclass(slots=True)
class _Promise:
    due: int
    known: bool
    away_known: bool
    """Its rep will be away when it is due, and that is in the calendar."""
    made: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A mean in percent with its 95 % interval (Student's t over the seeds)."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{self.mean:.1f} % ± {self.half:.1f}"


@dataclass(frozen=True, slots=True)
class Line:
    """What became of promises."""

    name: str
    without: Share
    with_process: Share
    fewer: Share
    """Relative, of each seed by itself."""


@dataclass(slots=True)
class _Rep:
    remembers: float
    away: set[int] = field(default_factory=set)
    """Days."""
    planned: set[int] = field(default_factory=set)
    """Those of them that are in the calendar."""


def compare(assumed: Assumed, effect: Effect, *, seeds: int, days: int, reps: int) -> list[Line]:
    """Missed and late promises with and without the process; each seed is one organisation, with the same promises, slots and
    absences both times.
    """
    pairs = []
    for seed in range(seeds):
        without = _organisation(assumed, None, seed, days, reps)
        with_process = _organisation(assumed, effect, seed, days, reps)
        pairs.append((without, with_process))
    lines = []
    for place, name in enumerate(("missed", "late")):
        before = [100 * without[place] for without, _ in pairs]
        after = [100 * with_process[place] for _, with_process in pairs]
        fewer = [100 * (1 - new / old) if old else 0.0 for old, new in zip(before, after, strict=True)]
        lines.append(Line(name, _share(before), _share(after), _share(fewer)))
    return lines


def _organisation(assumed: Assumed, effect: Effect | None, seed: int, days: int, reps: int) -> tuple[float, float]:
    """Shares of promises that were missed and that were late."""
    promises = [promise for number in range(reps) for promise in _rep(assumed, effect, f"{seed}/{number}", days)]
    judged = [one for one in promises if one.due + MISSED_STEPS < days * STEPS_A_DAY]
    missed = sum(one.made is None or one.made > one.due + MISSED_STEPS for one in judged)
    late = sum(one.made is not None and one.due < one.made <= one.due + MISSED_STEPS for one in judged)
    return missed / len(judged), late / len(judged)


def _rep(assumed: Assumed, effect: Effect | None, seed: str, days: int) -> list[_Promise]:
    # Two streams, so that what the process changes does not change what happens to the rep.
    world, helped = random.Random(seed), random.Random(f"{seed}/helped")  # noqa: S311 - a simulation, no secret
    rep = _drawn(assumed, world, days)
    promises: list[_Promise] = []
    for step in range(days * STEPS_A_DAY):
        day = step // STEPS_A_DAY
        here = day not in rep.away
        for _ in range(_poisson(assumed.promises_a_day / STEPS_A_DAY, world)):
            due = step + round(world.uniform(*assumed.days_ahead) * STEPS_A_DAY)
            known = world.random() < rep.remembers
            if here:
                promises.append(_Promise(due, known, due // STEPS_A_DAY in rep.planned))
        slots = _poisson(assumed.slots_a_day / STEPS_A_DAY, world)
        if effect is not None:
            _help(promises, step, effect, helped)
        if here and slots:
            open_ = [one for one in promises if one.made is None and one.known and one.due - STEPS_A_DAY <= step]
            for one in sorted(open_, key=lambda one: one.due)[:slots]:
                one.made = step
    return promises


def _help(promises: Sequence[_Promise], step: int, effect: Effect, chance: random.Random) -> None:
    """What the process does at a step: reminders, and what the manager sees to."""
    for one in promises:
        if one.made is not None:
            continue
        if step == one.due - REMIND_STEPS:
            if one.away_known:
                # The table gave it to the manager from the start, who passes it on.
                one.made = one.due if chance.random() < effect.manager else None
            elif not one.known:
                one.known = chance.random() < effect.reminder
        elif step == one.due + ESCALATE_STEPS and chance.random() < effect.manager:
            one.made = step


def _drawn(assumed: Assumed, world: random.Random, days: int) -> _Rep:
    rep = _Rep(world.betavariate(*assumed.remembered))
    for day in range(days):
        if world.random() < assumed.absences_a_day:
            block = set(range(day, day + assumed.absent_days))
            rep.away |= block
            if world.random() < assumed.known_absences:
                rep.planned |= block
    return rep


def _poisson(rate: float, chance: random.Random) -> int:
    """Knuth's method; the rates here are small."""
    limit, count, product = math.exp(-rate), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


def _share(values: Sequence[float]) -> Share:
    from scipy.stats import t  # noqa: PLC0415 - only the simulation needs it; workers stay light

    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return Share(mean(values), half)
