from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from workers.quota_approval.domain.buffers import with_buffer
from workers.quota_approval.planning.basis import Basis
from workers.quota_approval.planning.inputs import Rep, Unit
from workers.quota_approval.planning.limits import Limit
from workers.quota_approval.planning.odds import Odds
from workers.quota_approval.planning.organisation import build
from workers.quota_approval.planning.outlook import Outlook
from workers.quota_approval.planning.rules import Rules

DAY = dt.date(2020, 1, 1)
ROUNDING = 20


def basis(
    teams: Sequence[int],
    expected: Sequence[float],
    own: Sequence[float],
    *,
    limits: Sequence[Limit] = (),
    buffers: Sequence[str] = ("0.02", "0.05"),
    steps: Sequence[str] = ("0", "0"),
    market: float = 0.05,
) -> Basis:
    """A company of teams with so many reps each; one segment that misses by `market`."""
    units = [
        Unit(unit="top", level="company"),
        *(Unit(unit=f"t{t}", parent="top", level="team") for t in range(len(teams))),
    ]
    homes = [f"t{t}" for t, count in enumerate(teams) for _ in range(count)]
    reps = [Rep(period="p", rep=f"r{i:03}", unit=unit, hired=DAY) for i, unit in enumerate(homes)]
    tree, _ = build(units, reps)
    rules = Rules(
        period="p",
        currency="EUR",
        target=Decimal(0),
        buffers={"team": Decimal(buffers[0]), "rep": Decimal(buffers[1])},
        steps={"team": Decimal(steps[0]), "rep": Decimal(steps[1])},
        draws=200,
    )
    mean = np.array(expected, dtype=np.float64)
    outlook = Outlook(
        mean, np.array(own, dtype=np.float64), np.ones((len(mean), 1)), np.array([[market**2]]), np.array(Odds().scores)
    )
    drivers = np.column_stack([mean, np.zeros((len(mean), 3))])
    return Basis(
        tree, rules, Odds(), outlook, ("s",), drivers, (DAY,), mean[:, None], np.ones(len(mean)), tuple(limits), {}
    )


def sums_fit(made: Basis, quotas: Sequence[int]) -> bool:
    tree = made.organisation
    return all(
        sum(quotas[c] for c in below) == with_buffer(quotas[i], made.buffers[i])
        for i, below in enumerate(tree.children)
        if below
    )


def factor(made: Basis) -> Fraction:
    """What the reps carry for each unit of the target."""
    return (1 + made.rules.buffer("team")) * (1 + made.rules.buffer("rep"))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Basis, int]:
    """A tree with floors, caps and steps that some target fits, and that target in cents."""
    teams = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    count = sum(teams)
    expected = [float(x) for x in draw(st.lists(st.integers(1_000, 2_000_000), min_size=count, max_size=count))]
    own = draw(st.lists(st.floats(0.05, 0.8), min_size=count, max_size=count))
    buffers = draw(st.tuples(st.sampled_from(["0", "0.013", "0.05"]), st.sampled_from(["0", "0.0333", "0.1"])))
    steps = draw(st.tuples(st.sampled_from(["0", "100", "1000"]), st.sampled_from(["0", "0.05", "100"])))
    plain = basis(teams, expected, own, buffers=buffers, steps=steps)
    # A split that holds by itself; rules leave room around it, so that they never clash.
    wanted = [round(100 * e * draw(st.floats(0.7, 1.4))) for e in expected]
    limits = []
    for i, amount in enumerate(wanted):
        for least, kind in ((True, "floor"), (False, "cap")):
            if draw(st.booleans()):
                slack = draw(st.floats(0, 0.3))
                # Some cents, as the target and each level are rounded to a cent.
                bound = int(amount * (1 - slack)) - ROUNDING if least else int(amount * (1 + slack)) + ROUNDING
                limits.append(Limit(f"r{i:03}", kind, least, bound))
    team = draw(st.integers(0, len(teams) - 1))
    if draw(st.booleans()):
        start = sum(teams[:team])
        held = sum(wanted[start : start + teams[team]]) / (1 + plain.rules.buffer("rep"))
        limits.append(Limit(f"t{team}", "cap", False, int(held * Fraction(21, 20)) + 100))
        limits.append(Limit(f"t{team}", "floor", True, int(held * Fraction(19, 20))))
    made = basis(teams, expected, own, limits=limits, buffers=buffers, steps=steps)
    return made, int(sum(wanted) / factor(made))


def amounts(frame: Any, column: str) -> list[int]:  # Any: a frame of a plan
    return [int(x) for x in frame[column]]
