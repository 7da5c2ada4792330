"""Do the odds hold? Each earlier period is judged by what could be known before it, and simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.odds import Mask, Past, fit
from workers.quota_approval.planning.outlook import Outlook
from workers.quota_approval.planning.simulating import draw

COLUMNS = ("kind", "group", "at", "predicted", "observed", "low", "high", "cases")
_DRAWS = 2_000


def calibrate(pasts: Sequence[Past], quotas: Mapping[str, Floats], *, seed: int) -> pd.DataFrame:
    """The calibration table; empty where fewer than two periods have results.

    Args:
        pasts: earlier periods, oldest first.
        quotas: period → reps: the quotas of then in money, NaN where there was none.
        seed: of the simulation.

    Returns:
        Rows of `kind`: `quantile` (share of results below the quantile that was predicted to hold `predicted` of them),
        `reliability` (share of reps that attained their quota of then, by predicted odds), `brier` (mean squared error of
        those odds; `predicted` is what the period's own share for all would have had), `attaining` (reps that attained, with the
        80 % interval of the simulation) and `total` (sum of results over what was expected, likewise). `group` is all
        reps, or those ramping or settled, with small or large territories; or the period.
    """
    rows: list[tuple[object, ...]] = []
    judged = []
    for at in range(1, len(pasts)):
        odds = fit(pasts[:at])
        if odds.periods:
            past = pasts[at]
            outlook = odds.outlook(past.expectation)
            quota = quotas.get(past.expectation.period, np.full(len(past.results), np.nan))
            judged.append((past, outlook, quota))
            rows += _period(past, outlook, quota, seed)
    if judged:
        rows = [*_groups(judged), *rows]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"at": float, "predicted": float, "observed": float})


def _groups(judged: Sequence[tuple[Past, Outlook, Floats]]) -> Iterator[tuple[object, ...]]:
    chance, odds, made, parts = [], [], [], []
    for past, outlook, quota in judged:
        known = np.isfinite(past.results) & (outlook.expected > 0)
        chance.append(np.where(known, outlook.miss(outlook.standard(past.results)), np.nan))
        held = known & np.isfinite(quota) & (quota > 0)
        odds.append(np.where(held, 1 - outlook.miss(outlook.standard(np.where(held, quota, 0.0))), np.nan))
        made.append(past.results >= quota)
        middle = float(np.median(outlook.expected[known])) if known.any() else 0.0
        settled = past.expectation.capacity > 0.999
        small = outlook.expected < middle
        parts.append({"all": known, "settled": settled, "ramping": ~settled, "small": small, "large": ~small})
    below, predicted, attained = np.concatenate(chance), np.concatenate(odds), np.concatenate(made)
    for group in parts[0]:
        mask = np.concatenate([part[group] for part in parts])
        yield from _quantiles(group, below[mask & np.isfinite(below)])
        held = mask & np.isfinite(predicted)
        if held.any():
            yield from _reliability(group, predicted[held], attained[held])


def _quantiles(group: str, below: Floats) -> Iterator[tuple[object, ...]]:
    for at in (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975):
        if len(below):
            yield "quantile", group, at, at, float((below <= at).mean()), np.nan, np.nan, len(below)


def _reliability(group: str, predicted: Floats, attained: Mask) -> Iterator[tuple[object, ...]]:
    for low in np.arange(0.0, 1.0, 0.1):
        inside = (predicted >= low) & ((predicted < low + 0.1) | (low > 0.85))
        if inside.any():
            seen = float(attained[inside].mean())
            yield "reliability", group, low, float(predicted[inside].mean()), seen, np.nan, np.nan, int(inside.sum())
    error, naive = ((predicted - attained) ** 2).mean(), attained.mean() * (1 - attained.mean())
    yield "brier", group, np.nan, float(naive), float(error), np.nan, np.nan, len(predicted)


def _period(past: Past, outlook: Outlook, quota: Floats, seed: int) -> Iterator[tuple[object, ...]]:
    known = np.isfinite(past.results)
    held = known & np.isfinite(quota) & (quota > 0)
    sums, counts = [], []
    for results in draw(outlook, _DRAWS, seed):
        sums.append(results[:, known].sum(axis=1))
        counts.append((results[:, held] >= quota[held]).sum(axis=1))
    name = past.expectation.period
    if held.any():
        count = np.concatenate(counts)
        low, high = np.quantile(count, (0.1, 0.9))
        seen = float((past.results[held] >= quota[held]).sum())
        yield "attaining", name, np.nan, float(count.mean()), seen, float(low), float(high), int(held.sum())
    expected = outlook.expected[known].sum()
    if expected > 0:
        low, high = np.quantile(np.concatenate(sums) / expected, (0.1, 0.9))
        seen = float(past.results[known].sum() / expected)
        yield "total", name, np.nan, 1.0, seen, float(low), float(high), int(known.sum())
