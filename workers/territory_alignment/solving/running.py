"""`solve`: from a model to a plan, with the bound that proves how good it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from workers.territory_alignment.solving.annealing import Annealing
from workers.territory_alignment.solving.bounding import Prices, bound, reduced
from workers.territory_alignment.solving.coring import Core
from workers.territory_alignment.solving.errors import InputError, NoTimeError, NoWayError
from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.improving import State, improve
from workers.territory_alignment.solving.model import Model, room
from workers.territory_alignment.solving.neighbourhoods import Neighbourhoods
from workers.territory_alignment.solving.pair_prices import price_pairs
from workers.territory_alignment.solving.proving import Proof
from workers.territory_alignment.solving.relaxing import relax
from workers.territory_alignment.solving.starting import made_whole


@dataclass(frozen=True)
class Limits:
    """When to stop; what comes first counts."""

    seconds: float | None = 60.0
    rounds: int | None = None
    """Of annealing, each with neighbourhoods after it. Where they end the search and not the time, the same seed gives the same plan."""
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


MOVES = 1_500
"""Moves that the first round of annealing tries for each account; each round tries twice as many as the one before."""
USUAL = 0.02
"""How far above the bound plans usually are, relative; the first one may be much farther."""
NEIGHBOURHOODS = 0.5
"""Time for neighbourhoods after a round, in shares of the round's."""
AFTER = 3
"""Neighbourhoods after a round, without a clock."""

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
        self.note("first plan", state.owner)
        relaxed = relax(model, Prices.zero(model), left=self.left)
        self.prove("relaxation", relaxed.bound)
        owner, prices = state.owner, relaxed.prices
        if relaxed.share.any():
            whole = made_whole(model, relaxed.share, reduced(model, prices))
            self.note("relaxation", whole)
            owner = whole if start is None else owner
        if len(model.pairs) and self.best is not None:
            prices = price_pairs(model, prices, self.value, over=self.over)
            self.prove("contiguity", bound(model, prices))
        owner = self._rounds(owner, prices)
        if self.best is None:
            over = model.loads(owner) > room(model.limit)
            raise NoTimeError(self.seconds, np.flatnonzero(over).tolist())
        return Solution(self.best, self.value, self.bound, relaxed.bound, self.seconds, self.rounds, tuple(self.trace))

    def _rounds(self, owner: Ints, prices: Prices) -> Ints:
        """Rounds of annealing and neighbourhoods, proofs beside them; the last plan, which may break limits."""
        costs = reduced(self.model, prices)
        lowest = bound(self.model, prices, costs)
        proof = Proof(
            self.model,
            prices,
            costs,
            lowest,
            gap=self.limits.gap,
            value=lambda: self.value,
            left=self.left,
            over=self.over,
        )
        core = Core(self.model, costs, gap=self.limits.gap, left=self.left, over=self.over)
        proof.begin()
        core.begin()
        try:
            owner = self._until_over(owner, prices, costs, lowest, proof, core)
        finally:
            core.end()
            proof.end()
        self._take(proof, core)
        return owner

    def _until_over(self, owner: Ints, prices: Prices, costs: Floats, lowest: float, proof: Proof, core: Core) -> Ints:
        def over() -> bool:
            self._take(proof, core)
            return self.over()

        around = Neighbourhoods(prices, costs, lowest, self._random)
        moves, speed = float(MOVES * len(owner)), math.inf
        while not over() and (self.limits.rounds is None or self.rounds < self.limits.rounds):
            self.rounds += 1
            usual = USUAL * abs(lowest)
            gap = min(self.value - lowest, usual) if self.rounds == 1 or self.best is None else self.value - lowest
            annealing = Annealing(self.model, costs, gap, self.limits.seed * 1_000_003 + self.rounds * 1_009)
            left = self.left()
            if left is not None and 1.5 * moves > speed * left:
                moves = speed * left
            began = self.seconds
            owner = annealing.round(
                owner if self.best is None else self.best, prices, int(moves), over=over,
                better=lambda plan: self.note("annealing", plan),
            )  # fmt: skip
            took = self.seconds - began
            speed, moves = moves / max(took, 1e-3), 2 * moves
            owner = self._around(owner if self.best is None else self.best, around, took, over)
        if not over():
            proof.wait()
        return owner

    def _around(self, owner: Ints, around: Neighbourhoods, seconds: float, over: Callable[[], bool]) -> Ints:
        state, until, done = State(self.model, owner), self.seconds + NEIGHBOURHOODS * seconds, 0
        while not over() and (done < AFTER if self.limits.seconds is None else self.seconds < until):
            done += 1
            changed = around.try_one(state, min(self.value, 1e9), self.left())
            if changed is not None:
                improve(state, self._random, changed, over=over)
                self.note("neighbourhoods", state.owner)
        return state.owner

    def _take(self, proof: Proof, core: Core) -> None:
        """Take over what was found and proven meanwhile."""
        self.prove("decomposition", proof.bound)
        if (plan := core.found) is not None and plan.owner is not None:
            core.found = None
            self.note("core", plan.owner)
        if (exact := proof.exact) is None:
            return
        proof.exact = None
        if math.isinf(exact.bound) and exact.bound > 0 and self.best is None:
            raise NoWayError("no plan keeps all limits; HiGHS has looked at all")
        # Over these pairs it proves something only of plans that are better than ours.
        self.prove("whole", min(exact.bound, self.value))
        if exact.owner is not None:
            self.note("whole", exact.owner)

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

    def note(self, stage: str, owner: Ints) -> None:
        """Keep a plan if it is the best."""
        value = self.model.value(owner)
        if value < self.value:
            self.best, self.value = owner.copy(), value
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
