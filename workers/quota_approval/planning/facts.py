"""What decision tables and forms read about each quota: size, change, odds, peers, and what is unusual."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workers.quota_approval.planning.assembling import by_season
from workers.quota_approval.planning.plan import QuotaPlan


@dataclass(frozen=True)
class NodeFacts:
    """One rep's or unit's quota. Amounts in cents; shares and odds from 0 to 1."""

    node: str
    name: str
    level: str
    parent: str
    quota: int
    share: float
    """Of the unit above; 1 for the top."""
    last_quota: int | None
    change: float | None
    """Against last year's quota, relative."""
    expected: int
    beyond: float | None
    """Quota over expectation, less 1."""
    odds: float
    peer_quota: int
    """Median of the members of the same unit, this one included."""
    peer_odds: float
    capacity: float | None
    """Reps: share of the period that ramp and absence leave."""
    pressing: tuple[str, ...]
    """Rules that hold the quota where it is, in words."""
    broken: tuple[str, ...]
    """Rules that a lock stands above and the quota breaks."""


def node_facts(plan: QuotaPlan) -> list[NodeFacts]:
    """Facts of every node, in the order of the plan."""
    limits = {node: part.to_dict("records") for node, part in plan.limits.groupby("node")}
    peers = plan.nodes.groupby("parent")[["quota", "odds"]].median()
    quotas = dict(zip(plan.nodes["node"], plan.nodes["quota"], strict=True))
    capacity = dict(zip(plan.reps["rep"], plan.reps["capacity"], strict=True))
    found = []
    for row in plan.nodes.to_dict("records"):
        quota, expected = int(row["quota"]), round(row["expected"] * 100)
        last = None if pd.isna(row["last_quota"]) else int(row["last_quota"])
        above = int(quotas.get(row["parent"], quota))
        own = limits.get(row["node"], [])
        found.append(
            NodeFacts(
                node=row["node"],
                name=row["name"],
                level=row["level"],
                parent=row["parent"],
                quota=quota,
                share=quota / above if above else 0.0,
                last_quota=last,
                change=quota / last - 1 if last else None,
                expected=expected,
                beyond=quota / expected - 1 if expected else None,
                odds=float(row["odds"]),
                peer_quota=round(peers.loc[row["parent"], "quota"]),
                peer_odds=float(peers.loc[row["parent"], "odds"]),
                capacity=capacity.get(row["node"]),
                pressing=tuple(str(one["text"]) for one in own if one["presses"]),
                broken=tuple(
                    str(one["text"])
                    for one in own
                    if not one["applies"] and (quota < one["amount"] if one["least"] else quota > one["amount"])
                ),
            )
        )
    return found


def node_months(plan: QuotaPlan) -> dict[str, dict[str, int]]:
    """Cents of each rep and unit by the first day of each month, ``2027-01-01``; they add up to the quota. A unit's quota
    follows what is expected of the reps below it.
    """
    tree, months = plan.organisation, [month.isoformat() for month in plan.basis.months]
    of_reps = plan.phases["quota"].to_numpy().reshape(len(tree.reps), len(months)).tolist()
    seasons = tree.members @ plan.basis.monthly
    whole = plan.solved.quotas[: tree.units]
    of_units = [by_season(quota, season) for quota, season in zip(whole, seasons, strict=True)]
    rows = [*of_units, *of_reps]
    return {node: dict(zip(months, row, strict=True)) for node, row in zip(tree.nodes, rows, strict=True)}
