"""Two plans side by side: what moves for whom, and what it does to odds and key figures."""

from __future__ import annotations

import pandas as pd

from workers.quota_approval.planning.plan import QuotaPlan

FIGURES = {
    "target": "target",
    "assigned": "assigned to reps",
    "expected": "expected from below",
    "odds_target": "odds of the target",
    "odds_level": "odds of reps where no rule presses",
    "odds_lowest": "lowest odds of a rep",
    "odds_spread": "standard deviation of reps' odds",
    "shortfall": "expected shortfall of all reps",
    "next_unit": "expected shortfall by one more unit of target",
}
MONEY = frozenset({"target", "assigned"})
"""Figures in cents; `expected`, `shortfall` and `next_unit` are money, the others are shares."""


def compare(older: QuotaPlan, newer: QuotaPlan) -> pd.DataFrame:
    """A row a node of either plan: `node, name, level, quota_old, quota_new, change, odds_old, odds_new, why`.

    Amounts in cents (Int64, missing where a plan lacks the node); the largest changes first, nodes in order of the newer
    plan among equals.
    """
    columns = ["node", "name", "level", "quota", "odds"]
    both = older.nodes[columns].merge(
        newer.nodes[columns], on="node", how="outer", suffixes=("_old", "_new"), sort=False
    )
    for name in ("name", "level"):
        both[name] = both[f"{name}_new"].fillna(both[f"{name}_old"])
    for side in ("old", "new"):
        both[f"quota_{side}"] = both[f"quota_{side}"].astype("Int64")
    both["change"] = both["quota_new"].fillna(0) - both["quota_old"].fillna(0)
    before, after = _pressing(older), _pressing(newer)
    edits = {edit["node"]: str(edit["reason"]) for edit in newer.card["edits"] if edit not in older.card["edits"]}
    both["why"] = [_why(node, before, after, edits) for node in both["node"]]
    place = {node: i for i, node in enumerate(newer.nodes["node"])}
    both["place"] = [place.get(node, len(place)) for node in both["node"]]
    both = both.sort_values(
        ["change", "place"], key=lambda one: -one.abs() if one.name == "change" else one, kind="stable"
    )
    return both[
        ["node", "name", "level", "quota_old", "quota_new", "change", "odds_old", "odds_new", "why"]
    ].reset_index(drop=True)


def figures(older: QuotaPlan, newer: QuotaPlan) -> pd.DataFrame:
    """Key figures: `figure, text, old, new`; units as in `FIGURES` and `MONEY`."""
    rows = [(name, text, older.card["figures"][name], newer.card["figures"][name]) for name, text in FIGURES.items()]
    return pd.DataFrame(rows, columns=["figure", "text", "old", "new"])


def _pressing(plan: QuotaPlan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in plan.limits[plan.limits["presses"]].to_dict("records"):
        found.setdefault(row["node"], set()).add(row["text"])
    return found


def _why(node: str, before: dict[str, set[str]], after: dict[str, set[str]], edits: dict[str, str]) -> str:
    old, new = before.get(node, set()), after.get(node, set())
    said = [f"set by hand: {edits[node]}"] if node in edits else []
    said += [f"presses now: {text}" for text in sorted(new - old)]
    said += [f"presses no more: {text}" for text in sorted(old - new)]
    return "; ".join(said)
