"""A solved split to a finished plan: odds, drivers, prices, months, key figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, cast

import numpy as np
import pandas as pd

from workers import archive
from workers.quota_approval.planning.basis import DRIVERS, Basis
from workers.quota_approval.planning.limits import Limit, effective
from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.money import CENTS, apportion
from workers.quota_approval.planning.plan import QuotaPlan
from workers.quota_approval.planning.simulating import Simulated, simulate
from workers.quota_approval.planning.solving import Solved

LIBRARIES = ("clarabel", "numpy", "pandas", "scipy")


def assemble(
    basis: Basis,
    solved: Solved,
    *,
    origin: Mapping[str, object],
    edits: Sequence[Mapping[str, object]] = (),
    parent: str | None = None,
    calibration: pd.DataFrame,
    problems: pd.DataFrame,
) -> QuotaPlan:
    """The plan of a split.

    Args:
        basis: what it was made from.
        solved: the quotas.
        origin: period and digest of the input.
        edits: quotas that people set after the first split, oldest first.
        parent: the version that was edited.
        calibration: of the odds, from `calibrating`.
        problems: of the input.
    """
    rules = basis.rules
    money = np.array(solved.quotas) / CENTS
    simulated = simulate(basis.organisation, basis.outlook, money.tolist(), rules.draws, rules.seed)
    content = {
        **origin,
        "rules": rules.model_dump(mode="json"),
        "libraries": {name: version(name) for name in LIBRARIES},
        "edits": list(edits),
    }
    z = basis.outlook.standard(money[basis.organisation.units :])
    card = {
        **content,
        "format": QuotaPlan.form,
        "version": f"{rules.name}-{rules.period}-{archive.digest(content)}",
        "parent": parent,
        "segments": basis.segments,
        "months": [month.isoformat() for month in basis.months],
        "market": basis.outlook.market.tolist(),
        "odds": asdict(basis.odds),
        "figures": _figures(basis, solved, simulated, z),
    }
    return QuotaPlan(
        # As it comes back from a file: lists, not tuples.
        card=cast("dict[str, Any]", json.loads(json.dumps(card))),
        nodes=_nodes(basis, solved, simulated, z),
        reps=_reps(basis, solved, z),
        mix=pd.DataFrame(basis.outlook.mix, columns=list(basis.segments)).assign(rep=basis.organisation.reps),
        phases=_phases(basis, solved),
        limits=_limits(basis, solved, z),
        calibration=calibration,
        problems=problems,
    )


def _nodes(basis: Basis, solved: Solved, simulated: Simulated, z: Floats) -> pd.DataFrame:
    tree, outlook = basis.organisation, basis.outlook
    units, reps = tree.units, len(tree.reps)
    quotas = np.array(solved.quotas)
    members = np.array([sum(solved.quotas[c] for c in below) for below in tree.children])
    chances = (0.1, 0.5, 0.9)
    own = outlook.expected[:, None] + outlook.spread[:, None] * outlook.at(np.array(chances))
    results = np.vstack([simulated.results, np.maximum(own, 0.0)])
    aims = np.where(quotas > 0, quotas / CENTS, np.nan)
    low, high = _bounds(basis)
    return pd.DataFrame(
        {
            "node": tree.nodes,
            "name": tree.names,
            "parent": [tree.nodes[p] if p >= 0 else "" for p in tree.parents],
            "level": tree.levels,
            "quota": quotas,
            "last_quota": pd.array([basis.last.get(node) for node in tree.nodes], dtype="Int64"),
            "expected": np.concatenate([tree.members @ outlook.expected, outlook.expected]),
            "odds": np.concatenate([simulated.odds[:units], 1 - outlook.miss(z)]),
            "odds_simulated": simulated.odds,
            **{f"attainment_p{round(100 * at)}": results[:, k] / aims for k, at in enumerate(chances)},
            "members": members,
            "buffer": np.where(np.arange(len(quotas)) < units, members - quotas, 0),
            "reps": np.concatenate([np.asarray(tree.members.sum(axis=1)).ravel(), np.ones(reps)]).astype(np.int64),
            **{
                f"attaining_p{round(100 * at)}": np.concatenate([simulated.attaining[:, k], np.full(reps, np.nan)])
                for k, at in enumerate(chances)
            },
            "low": pd.array(low, dtype="Int64"),
            "high": pd.array(high, dtype="Int64"),
            "level_z": np.concatenate([solved.levels, np.full(reps, np.nan)]),
        }
    )


def _bounds(basis: Basis) -> tuple[list[int | None], list[int | None]]:
    low: dict[str, int] = {}
    high: dict[str, int] = {}
    for limit in effective(basis.limits):
        if limit.least:
            low[limit.node] = max(low.get(limit.node, 0), limit.amount)
        else:
            high[limit.node] = min(high.get(limit.node, limit.amount), limit.amount)
    nodes = basis.organisation.nodes
    return [low.get(node) for node in nodes], [high.get(node) for node in nodes]


def _reps(basis: Basis, solved: Solved, z: Floats) -> pd.DataFrame:
    """Drivers in cents: they add up to the quota, the last of them (rounding) sees to that."""
    tree, spread = basis.organisation, basis.outlook.spread
    team = solved.levels[list(tree.parents[tree.units :])]
    quotas = np.array(solved.quotas[tree.units :])
    drivers = dict(zip(DRIVERS, basis.drivers.T, strict=True))
    fair = basis.outlook.expected + team * spread
    parts = {
        **drivers,
        "stretch": solved.levels[0] * spread,
        "rules_above": (team - solved.levels[0]) * spread,
        "own_rules": solved.exact - fair,
    }
    whole = {name: np.rint(part * CENTS).astype(np.int64) for name, part in parts.items()}
    return pd.DataFrame(
        {
            "rep": tree.reps,
            "quota": quotas,
            "expected": basis.outlook.expected,
            "spread": spread,
            "own": basis.outlook.own,
            "common": np.sqrt(basis.outlook.common),
            "capacity": basis.capacity,
            "z": z,
            "exact": solved.exact,
            **whole,
            "rounding": quotas - sum(whole.values()),
            **{f"{name}_money": part for name, part in drivers.items()},
        }
    )


def by_season(quota: int, season: Floats) -> list[int]:
    """Cents of each month, which add up to the quota; where nothing is expected all months are alike."""
    months = len(season)
    share = season / season.sum() if season.sum() > 0 else np.full(months, 1 / months)
    return apportion((share * quota).tolist(), [0] * months, [quota] * months, quota)


def _phases(basis: Basis, solved: Solved) -> pd.DataFrame:
    """Each rep's quota by month, in the season of what is expected; months add up to the cent."""
    tree, months = basis.organisation, basis.months
    rows: list[int] = []
    for r in range(len(tree.reps)):
        rows += by_season(solved.quotas[tree.units + r], basis.monthly[r])
    return pd.DataFrame(
        {
            "rep": np.repeat(tree.reps, len(months)),
            "month": np.tile(pd.to_datetime(list(months)), len(tree.reps)),
            "quota": np.array(rows, dtype=np.int64),
            "expected": basis.monthly.ravel(),
        }
    )


def _limits(basis: Basis, solved: Solved, z: Floats) -> pd.DataFrame:
    """Rules with their price: expected shortfall in money that one more unit of money in this rule would save."""
    counting = set(effective(basis.limits))
    prices = [_price(basis, solved, z, limit) if limit in counting else 0.0 for limit in basis.limits]
    return pd.DataFrame(
        {
            "node": [limit.node for limit in basis.limits],
            "rule": [limit.rule for limit in basis.limits],
            "least": np.array([limit.least for limit in basis.limits], dtype=bool),
            "amount": np.array([limit.amount for limit in basis.limits], dtype=np.int64),
            "why": [limit.why for limit in basis.limits],
            "text": [limit.text for limit in basis.limits],
            "applies": np.array([limit in counting for limit in basis.limits], dtype=bool),
            "presses": np.array([price > 0 for price in prices], dtype=bool),
            "price": np.array(prices, dtype=np.float64),
        }
    )


_TOUCHING = 1e-4
"""Difference of z, in standard deviations, from which a rule counts as felt."""


def _price(basis: Basis, solved: Solved, z: Floats, limit: Limit) -> float:
    tree = basis.organisation
    i = tree.place[limit.node]
    if i >= tree.units:
        r = i - tree.units
        inside = (
            (solved.exact[r] - basis.outlook.expected[r]) / basis.outlook.spread[r] if basis.outlook.spread[r] else z[r]
        )
        outside = solved.levels[tree.parents[i]]
        near = abs(solved.exact[r] * CENTS - limit.amount)
    else:
        inside, outside = solved.levels[i], solved.levels[tree.parents[i]] if i else solved.levels[0]
        near = abs(solved.quotas[i] - limit.amount)
    step = basis.rules.step(tree.levels[i])
    pressed = inside > outside + _TOUCHING if limit.least else inside < outside - _TOUCHING
    if not pressed or near > step + _NEAR * max(limit.amount, 1):
        return 0.0
    return float(abs(basis.outlook.miss(inside) - basis.outlook.miss(outside)))


_NEAR = 1e-5
"""The solver's tolerance, relative."""


def _figures(basis: Basis, solved: Solved, simulated: Simulated, z: Floats) -> dict[str, object]:
    tree = basis.organisation
    quotas = np.array(solved.quotas) / CENTS
    odds = 1 - basis.outlook.miss(z)
    held = quotas[tree.units :] > 0
    return {
        "target": solved.quotas[0],
        "assigned": int(sum(solved.quotas[tree.units :])),
        "expected": float(basis.outlook.expected.sum()),
        "reps": len(tree.reps),
        "odds_level": float(1 - basis.outlook.miss(float(solved.levels[0]))),
        "odds_lowest": float(odds[held].min()) if held.any() else None,
        "odds_highest": float(odds[held].max()) if held.any() else None,
        "odds_spread": float(odds[held].std()) if held.any() else None,
        "odds_target": float(simulated.odds[0]),
        "shortfall": float(basis.outlook.shortfall(quotas[tree.units :]).sum()),
        "next_unit": float(basis.outlook.miss(float(solved.levels[0]))),
        "attaining": [float(one) for one in simulated.attaining[0]],
    }
