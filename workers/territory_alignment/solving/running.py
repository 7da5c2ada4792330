"""`solve`: from a model to a plan, with the bound that proves how good it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread

import numpy as np

from workers.territory_alignment.solving.bounding import Prices, bound, reduced
from workers.territory_alignment.solving.errors import InputError, NoTimeError, NoWayError
from workers.territory_alignment.solving.exactly import Exact, solve_exactly
from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.improving import State, improve
from workers.territory_alignment.solving.model import SLACK, Model
from workers.territory_alignment.solving.neighbourhoods import Neighbourhoods
from workers.territory_alignment.solving.pair_prices import price_pairs
from workers.territory_alignment.solving.relaxing import Relaxation, relax
from workers.territory_alignment.solving.starting import made_whole


@dataclass(frozen=True)
class Limits:
    """When to stop; what comes first counts."""

    seconds: float | None = 60.0
    rounds: int | None = None
    """Neighbourhoods planned anew. Where they end the search and not the time, the same seed gives the same plan."""
    gap: float = 1e-4
    """A plan that is proven to be so near to the best is good enough."""
    seed: int = 1

    def __post_init__(self) -> None:
        if self.seconds is None and self.rounds is None:
            raise InputError("give a limit: seconds, rounds, or both")
        if (self.seconds is not None and not self.seconds > 0) or (self.rounds is not None and self.rounds < 0):
            raise InputError(f"the limits are {self.seconds} seconds and {self.rounds} rounds; give positive numbers")


@dataclass(frozen=True)
class Progress:
    """Where a search is."""

    seconds: float
    stage: str
    value: float
    """Points of the best plan until now; infinite while there is none."""
    bound: float
    """Points that no plan falls below."""

    @property
    def gap(self) -> float:
        """How far the value is above the bound, relative to the bound; 0.01 is one percent."""
        return gap(self.value, self.bound)


@dataclass(frozen=True)
class Solution:
    """The best plan found, and what is proven of it."""

    owner: Ints
    """By account, the position of its rep."""
    value: float
    bound: float
    """Points that no plan falls below."""
    relaxed: float
    """The bound of the LP relaxation alone."""
    seconds: float
    rounds: int
    trace: tuple[Progress, ...] = field(repr=False)
    """Each better plan or bound, in time."""

    @property
    def gap(self) -> float:
        """See `Progress.gap`."""
        return gap(self.value, self.bound)


SMALL, LARGE = 2_000, 30_000
"""Pairs that are solved as a whole, without and with a clock."""
DEARER = 10
"""Times that neighbours make it larger."""
SMALL_NODES = 500
ENOUGH = 0.85
"""Of the time left, for that."""

Tell = Callable[[Progress], None]


def gap(value: float, bound: float) -> float:
    """Relative distance of a value to its bound; infinite where the bound is zero or less and the value isn't at it."""
    if value <= bound:
        return 0.0
    return (value - bound) / bound if bound > 0 else math.inf


def solve(
    model: Model,
    limits: Limits,
    *,
    start: Ints | None = None,
    tell: Tell | None = None,
    stop: Callable[[], bool] | None = None,
) -> Solution:
    """The best plan that can be found within the limits.

    Args:
        model: the problem; each account has a rep that is allowed.
        limits: when to stop.
        start: a plan to begin with; -1 where an account has no rep yet.
        tell: called with each step forward.
        stop: asked between steps; when it says so, the best plan until then is the answer.

    Raises:
        NoTimeError: if no plan was found that keeps all limits.
        NoWayError: if there is none.
    """
    return _Search(model, limits, tell, stop).run(start)


class _Search:
    def __init__(self, model: Model, limits: Limits, tell: Tell | None, stop: Callable[[], bool] | None) -> None:
        self.model, self.limits = model, limits
        self._tell, self._stop = tell, stop
        self._began = time.monotonic()
        self._random = np.random.default_rng(limits.seed)
        self.best: Ints | None = None
        self.value, self.bound = math.inf, -math.inf
        self.trace: list[Progress] = []
        self.rounds = 0

    def run(self, start: Ints | None) -> Solution:
        model = self.model
        state = State(model, made_whole(model, np.zeros(model.size), model.cost, start))
        improve(
            state, self._random, np.arange(model.size[1]), over=lambda: self.over() or not state.overloaded(), most=1
        )
        self.note("first plan", state)
        if start is not None:
            self._search(state)
        relaxed = relax(model, Prices.zero(model), left=self.left)
        self.prove("relaxation", relaxed.bound)
        if relaxed.share.any() and not self.over():
            state = self._from_relaxation(state, relaxed)
        prices = relaxed.prices
        if len(model.pairs) and self.best is not None:
            prices = price_pairs(model, prices, self.value, over=self.over)
            self.prove("contiguity", bound(model, prices))
        costs = reduced(model, prices)
        lowest = bound(model, prices, costs)
        proof = self._proof(costs, lowest)
        self._neighbourhoods(state, Neighbourhoods(prices, costs, lowest, self._random), proof)
        if self.best is None:
            raise NoTimeError(self.seconds, np.flatnonzero(state.load > model.limit * (1 + SLACK) + SLACK).tolist())
        return Solution(self.best, self.value, self.bound, relaxed.bound, self.seconds, self.rounds, tuple(self.trace))

    def _search(self, state: State) -> None:
        for most in (1, 2):
            improve(state, self._random, np.arange(self.model.size[1]), over=self.over, most=most)
            self.note("search", state)

    def _from_relaxation(self, state: State, relaxed: Relaxation) -> State:
        costs = reduced(self.model, relaxed.prices)
        other = State(self.model, made_whole(self.model, relaxed.share, costs))
        self._search(other)
        return (
            other
            if other.overloaded() <= state.overloaded()
            and self.model.value(other.owner) <= self.model.value(state.owner)
            else state
        )

    def _proof(self, costs: Floats, lowest: float) -> Future[Exact] | None:
        """The whole as a MIP beside the search, if no better plan needs more than so many pairs.

        A pair is left out if its reduced cost alone exceeds the distance of the best plan to `lowest`, the prices' bound.
        """
        regret = costs - costs.min(axis=1, keepdims=True)
        pairs = (regret <= self.value - lowest + 1e-9) & np.isfinite(costs)
        left = self.left()
        most = SMALL if left is None else LARGE
        if pairs.sum() > (most / DEARER if len(self.model.pairs) else most) or self.over():
            return None
        proof: Future[Exact] = Future()
        nodes, seconds = (SMALL_NODES, None) if left is None else (None, ENOUGH * left)

        def run() -> None:
            proof.set_result(solve_exactly(self.model, pairs, seconds=seconds, nodes=nodes, gap=self.limits.gap))

        if left is None:
            # Without a clock the answer must not depend on which of two threads is faster.
            run()
        else:
            Thread(target=run, name="territory-proof", daemon=True).start()
        return proof

    def _accept(self, proof: Exact) -> None:
        """Take over what the MIP found and proved."""
        if math.isinf(proof.bound) and proof.bound > 0 and self.best is None:
            raise NoWayError("no plan keeps all limits; HiGHS has looked at all")
        # Over these pairs it proves something only of plans that are better than ours.
        self.prove("whole", min(proof.bound, self.value))
        if proof.owner is not None:
            self.note("whole", State(self.model, proof.owner))

    def _neighbourhoods(self, state: State, around: Neighbourhoods, proof: Future[Exact] | None) -> None:
        while not self.over() and (self.limits.rounds is None or self.rounds < self.limits.rounds):
            if proof is not None and proof.done():
                self._accept(proof.result())
                proof = None
                continue
            self.rounds += 1
            changed = around.try_one(state, min(self.value, 1e9), self.left())
            if changed is not None:
                improve(state, self._random, changed, over=self.over)
                self.note("neighbourhoods", state)
        if proof is not None and (proof.done() or not self.over()):
            # A MIP that doesn't look at the clock in time is left to end by itself.
            with suppress(TimeoutError):
                self._accept(proof.result(self.left()))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def left(self) -> float | None:
        """Seconds; None without a limit."""
        return None if self.limits.seconds is None else max(self.limits.seconds - self.seconds, 0.0)

    def over(self) -> bool:
        """Whether to stop now."""
        return (
            self.left() == 0.0
            or gap(self.value, self.bound) <= self.limits.gap
            or (self._stop is not None and self._stop())
        )

    def note(self, stage: str, state: State) -> None:
        """Keep a plan if it is the best."""
        value = self.model.value(state.owner)
        if value < self.value:
            self.best, self.value = state.owner.copy(), value
            self._say(stage)

    def prove(self, stage: str, bound: float) -> None:
        """Keep a bound if it is the best."""
        if step := self.model.step:
            bound = min(step * math.ceil(bound / step - 1e-6), self.value)
        if bound > self.bound:
            self.bound = bound
            self._say(stage)

    def _say(self, stage: str) -> None:
        self.trace.append(Progress(self.seconds, stage, self.value, self.bound))
        if self._tell is not None:
            self._tell(self.trace[-1])
