"""Simulated people of a sales organisation, by the minute: who is at work, what each does first, what is overlooked.

Assumptions: reps work 8.5 hours on weekdays in one of three time zones, and sit in meetings; each has a pace and overlooks a
share of the leads of their own; they take what is due first, one after the other, and refuse one lead in eight. Three in a
hundred days somebody is away whom nobody knows to be. Leads come in office hours, most of them on Mondays; one in six is
triaged by a group first, whose members are fewer at night. Halfway through, two reps get other duties and become slow. An
owner's time is 10 to 480 working minutes, as dmn/lead_routing_rules.dmn has them; when it is over the lead is taken away and
given to the next, and after three owners a manager decides.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
REPS, DESK, MANAGERS = 24, 3, 2
ALLOWED = ((10, 0.12), (20, 0.08), (120, 0.3), (240, 0.3), (480, 0.2))
"""Working minutes that an owner has, and how often."""
TRIAGED, REFUSED, AWAY = 1 / 6, 1 / 8, 0.03
ROUNDS = 3
GROUP_MINUTES = 240
SHIFT = 8.5 * HOUR


@dataclass(slots=True)
class Step:
    """One element of an instance; times in seconds since the simulation began."""

    element: str
    began: float
    ended: float | None
    completed: bool = True


@dataclass(slots=True)
class Asked:
    """One user task."""

    element: str
    login: str
    """Who alone may do it; empty: a group."""
    created: float
    due: float
    ended: float | None = None
    completed: bool = False


@dataclass(slots=True)
class Life:
    """What a lead's instance went through."""

    began: float
    ended: float | None = None
    steps: list[Step] = field(default_factory=list)
    tasks: list[Asked] = field(default_factory=list)


@dataclass(slots=True)
class Worker:
    """Somebody with a desk."""

    login: str
    starts: float
    """Of the shift: seconds after midnight."""
    minutes: float
    """Median time for a task."""
    overlooks: float
    chance: random.Random
    free_at: float = 0.0
    queue: list[tuple[float, int, Life, Asked]] = field(default_factory=list)
    days: dict[int, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    wakes_at: float = math.inf

    def at_work(self, day: int) -> tuple[tuple[float, float], ...]:
        """Spans of a day in which tasks are done: the shift less its meetings."""
        if day not in self.days:
            spans: list[tuple[float, float]] = []
            at = day * DAY + self.starts
            end = at + SHIFT
            if day % 7 < 5 and self.chance.random() >= AWAY:
                for begins in sorted(self.chance.uniform(at, end) for _ in range(self.chance.randint(0, 3))):
                    if begins > at:
                        spans.append((at, begins))
                    at = max(at, begins + self.chance.uniform(20, 90) * MINUTE)
                if at < end:
                    spans.append((at, end))
            self.days[day] = tuple(spans)
        return self.days[day]

    def next_free(self, now: float) -> float:
        """When the worker can begin something."""
        at = max(now, self.free_at)
        day = int(at // DAY)
        while True:
            for begins, ends in self.at_work(day):
                if at < ends:
                    return max(at, begins)
            day += 1

    def on_shift(self, now: float) -> bool:
        """As far as anybody knows."""
        return int(now // DAY) % 7 < 5 and 0 <= now % DAY - self.starts < SHIFT

    def working(self, now: float, minutes: float) -> float:
        """The moment at which so many minutes of the shifts have passed."""
        left, day = minutes * MINUTE, int(now // DAY)
        while True:
            begins, ends = day * DAY + self.starts, day * DAY + self.starts + SHIFT
            if day % 7 < 5 and now < ends:
                begins = max(begins, now)
                if left <= ends - begins:
                    return begins + left
                left -= ends - begins
            day += 1


class Town:
    """Simulates; `live` gives what happened to each lead."""

    def __init__(self, leads: int, days: float, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self._leads, self._days = leads, days
        chance = self._chance
        self.reps = [
            self._worker(
                f"rep-{number}", chance.choice([6, 7, 14]) * HOUR, chance.uniform(3, 25), chance.betavariate(1.2, 12)
            )
            for number in range(REPS)
        ]
        self._desk = [self._worker(f"desk-{number}", (5 + 4 * number) * HOUR, 12, 0.0) for number in range(DESK)]
        self._managers = [self._worker(f"manager-{number}", 8 * HOUR, 15, 0.02) for number in range(MANAGERS)]
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0

    def _worker(self, login: str, starts: float, minutes: float, overlooks: float) -> Worker:
        return Worker(login, starts, minutes, overlooks, random.Random(self._chance.random()))  # noqa: S311 - see above

    def live(self) -> list[Life]:
        """Everything that happens within the days, by when the leads came; some are open at the end."""
        found = []
        for at in sorted(self._arrival() for _ in range(self._leads)):
            life = Life(at)
            found.append(life)
            self._at(at, partial(self._come, life=life))
        self._at(self._days / 2 * DAY, self._slow_down)
        while self._events and self._events[0][0] <= self._days * DAY:
            at, _, happens = heapq.heappop(self._events)
            happens(at)
        return found

    def _arrival(self) -> float:
        while True:
            at = self._chance.uniform(0, self._days * DAY)
            day, hour = int(at // DAY) % 7, at % DAY / HOUR
            if self._chance.random() < (0.12 if day > 4 else 1.0 if day == 0 else 0.7) * math.exp(
                -(((hour - 12.5) / 4) ** 2)
            ):
                return at

    def _at(self, at: float, happens: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, happens))

    def _slow_down(self, _: float) -> None:
        for rep in self.reps[:2]:
            rep.minutes, rep.overlooks = 4 * rep.minutes, rep.overlooks + 0.25

    def _come(self, now: float, life: Life) -> None:
        at = self._pass(now, life, "register_lead", "score_lead")
        if self._chance.random() < TRIAGED:
            self._at(at, lambda now: self._ask(now, life, "triage_lead", self._desk, GROUP_MINUTES, self._assign))
        else:
            self._at(at, lambda now: self._assign(now, life))

    def _pass(self, now: float, life: Life, *elements: str) -> float:
        for element in elements:
            took = self._chance.lognormvariate(-1.5, 0.5)
            life.steps.append(Step(element, now, now + took))
            now += took
        return now

    def _assign(self, now: float, life: Life) -> None:
        had = {task.login for task in life.tasks}
        if sum(task.element == "accept_lead" for task in life.tasks) == ROUNDS:
            self._ask(now, life, "manager_decision", self._managers, GROUP_MINUTES, self._end)
            return
        there = [rep for rep in self.reps if rep.login not in had and rep.on_shift(now)]
        if not there:
            self._at(now + HOUR, lambda now: self._assign(now, life))
            return
        rep = self._chance.choice(there)
        at = self._pass(now, life, "assign_owner", "notify_owner")
        minutes = self._chance.choices([one for one, _ in ALLOWED], [share for _, share in ALLOWED])[0]
        due = rep.working(at, minutes)
        asked = Asked("accept_lead", rep.login, at, due)
        life.tasks.append(asked)
        self._at(at, lambda now: self._give(now, rep, life, asked, self._answered))
        self._at(due, lambda now: self._take_away(now, life, asked))

    def _ask(
        self,
        now: float,
        life: Life,
        element: str,
        group: list[Worker],
        minutes: float,
        then: Callable[[float, Life], None],
    ) -> None:
        member = min(group, key=lambda one: one.next_free(now) + len(one.queue) * one.minutes * MINUTE)
        asked = Asked(element, "", now, member.working(now, minutes))
        life.tasks.append(asked)
        self._give(now, member, life, asked, then)

    def _give(self, now: float, worker: Worker, life: Life, asked: Asked, then: Callable[[float, Life], None]) -> None:
        if worker.chance.random() >= worker.overlooks:
            self._number += 1
            heapq.heappush(worker.queue, (asked.due, self._number, life, asked))
            self._wake(now, worker, then)
        elif not asked.login:
            self._at(
                asked.due + 2 * HOUR, lambda now: self._give(now, worker, life, asked, then)
            )  # after its escalation

    def _wake(self, now: float, worker: Worker, then: Callable[[float, Life], None]) -> None:
        at = worker.next_free(now)
        self._at(at, lambda now: self._begin(now, worker, then))

    def _begin(self, now: float, worker: Worker, then: Callable[[float, Life], None]) -> None:
        if worker.next_free(now) > now:  # busy with what came between
            if worker.queue:
                self._wake(now, worker, then)
            return
        while worker.queue:
            _, _, life, asked = heapq.heappop(worker.queue)
            if asked.ended is None:
                took = worker.chance.lognormvariate(math.log(worker.minutes), 0.7) * MINUTE
                worker.free_at = now + took
                self._at(worker.free_at, partial(self._done, worker=worker, life=life, asked=asked, then=then))
                return

    def _done(self, now: float, worker: Worker, life: Life, asked: Asked, then: Callable[[float, Life], None]) -> None:
        if asked.ended is None:
            asked.ended, asked.completed = now, True
            then(now, life)
        if worker.queue:
            self._wake(now, worker, then)

    def _answered(self, now: float, life: Life) -> None:
        if self._chance.random() < REFUSED:
            self._assign(now, life)
        else:
            self._end(self._pass(now, life, "confirm_acceptance"), life)

    def _take_away(self, now: float, life: Life, asked: Asked) -> None:
        if asked.ended is None:
            asked.ended = now
            self._assign(now, life)

    def _end(self, now: float, life: Life) -> None:
        life.ended = now
