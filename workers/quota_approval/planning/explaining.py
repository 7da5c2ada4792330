"""Why a quota is what it is: what it adds up from, in money and words, and what each rule costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workers.quota_approval.planning.limits import Limit
from workers.quota_approval.planning.money import CENTS, show
from workers.quota_approval.planning.plan import QuotaPlan
from workers.quota_approval.planning.rules import REP
from workers.quota_approval.planning.solving import solve

_SOLVED = 10
"""Rules of a node whose cost is found by splitting again without them."""


@dataclass(frozen=True)
class Driver:
    """A part of a quota."""

    name: str
    amount: int
    """Cents; the drivers of a rep add up to the quota."""
    text: str


@dataclass(frozen=True)
class RuleCost:
    """What a rule that presses costs."""

    text: str
    price: float
    """Expected shortfall of all reps, in money, that one more unit of money in this rule would save."""
    without: int
    """Cents: the node's quota if the rule were gone and everything else split again."""
    saved: int
    """Cents: expected shortfall of all reps that this would save."""


@dataclass(frozen=True)
class Explanation:
    """A rep's or unit's quota, explained."""

    node: str
    drivers: tuple[Driver, ...]
    """Empty for a unit: its quota is what its members carry, less the buffer."""
    rules: tuple[RuleCost, ...]
    texts: tuple[str, ...]


def explain(plan: QuotaPlan, node: str) -> Explanation:
    """The explanation of one quota.

    Raises:
        InputError: if the plan has no such node.
    """
    row = plan.nodes.iloc[plan.at(node)]
    level, above = str(row["level"]), [plan.organisation.nodes[i] for i in plan.organisation.path(plan.at(node))]
    pressing = plan.limits[plan.limits["presses"] & plan.limits["node"].isin([node, *above])]
    rules = tuple(
        cost_of(
            plan,
            Limit(one["node"], one["rule"], bool(one["least"]), int(one["amount"]), one["why"]),
            float(one["price"]),
            node,
        )
        for one in pressing.head(_SOLVED).to_dict("records")
    )
    quota, expected = show(int(row["quota"])), show(round(row["expected"] * CENTS))
    texts = [f"quota {quota} {plan.rules.currency}, odds to attain it {row['odds']:.0%}; expected are {expected}"]
    if last := plan.basis.last.get(node):
        texts.append(f"last quota {show(last)}, a change of {int(row['quota']) / last - 1:+.1%}")
    if level != REP:
        texts.append(
            f"its members carry {show(int(row['members']))}, {show(int(row['buffer']))} more than it does (over-assignment)"
        )
    texts += [
        f"set to {show(edit['quota'])}, was {show(edit['before'])}: {edit['reason']}"
        for edit in plan.card["edits"]
        if edit["node"] == node
    ]
    return Explanation(node, _drivers(plan, node) if level == REP else (), rules, tuple(texts))


def cost_of(plan: QuotaPlan, limit: Limit, price: float, node: str) -> RuleCost:
    """What a rule costs, found by splitting again without it; `without` is the quota that `node` would have."""
    gone = [one for one in plan.basis.limits if not (one.node == limit.node and one.rule == limit.rule)]
    basis = replace(plan.basis, limits=tuple(gone))
    found = solve(basis, plan.solved.quotas[0])
    # An adjusted plan is fair within units only; what the rule costs must not be mixed with that.
    present = solve(plan.basis, plan.solved.quotas[0]) if plan.card["edits"] else plan.solved
    before, after = (float(basis.outlook.shortfall(one.exact).sum()) for one in (present, found))
    return RuleCost(limit.text, price, found.quotas[plan.at(node)], round((before - after) * CENTS))


def _drivers(plan: QuotaPlan, node: str) -> tuple[Driver, ...]:
    at = plan.at(node) - plan.organisation.units
    row, odds, figures = plan.reps.iloc[at], plan.card["odds"], plan.card["figures"]
    mix = plan.mix.iloc[at]
    parts = ", ".join(f"{name} {mix[name]:.0%}" for name in plan.card["segments"] if mix[name] > 0) or "no segment"
    step = plan.rules.step(REP)
    texts = {
        "territory": f"forecast of the territory: its share of the potential ({parts})",
        "ramp": f"months of ramp and absence: {row['capacity']:.0%} of the season are left",
        "pipeline": f"open pipeline against what is usual for the territory, counted {odds['credit']:.2f} times",
        "history": f"earlier periods came at {odds['level']:.1%} of what was expected",
        "stretch": f"what the target asks beyond that, so that odds are equal ({figures['odds_level']:.0%} where no rule presses)",
        "rules_above": "rules for units above, and quotas that people set nearby",
        "own_rules": "rules for this rep",
        "rounding": f"rounding to {show(step)}",
    }
    return tuple(Driver(name, int(row[name]), text) for name, text in texts.items())
