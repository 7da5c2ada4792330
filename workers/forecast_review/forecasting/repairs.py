"""Repair by rule: what a finding proposes is put in its place, recorded, and the raw history stays as it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from workers.forecast_review.forecasting.checks import DEFAULTS, Finding, Thresholds, check_series
from workers.forecast_review.forecasting.history import Floats, History, Series

RULES = ("gap", "late_data", "negative", "outlier")
"""Rules with something to repair, in the order of their harm."""
GAPS = ("gap", "late_data")
"""Those where there is no value at all."""


@dataclass(frozen=True)
class Repair:
    """One value that was changed; `before` is None where there was none."""

    series: str
    month: int
    rule: str
    before: float | None
    after: float


@dataclass(frozen=True)
class Repaired:
    """A new history without gaps, and what was done to get it."""

    history: History
    repairs: tuple[Repair, ...]


def repair(history: History, findings: Iterable[Finding], rules: Iterable[str] = RULES) -> Repaired:
    """Apply the proposals of the findings whose rule is among `rules`; series that ended are left out."""
    wanted = set(rules)
    by_series: dict[str, list[Finding]] = {}
    ended = set()
    for finding in findings:
        if finding.rule == "ended":
            ended.add(finding.series)
        elif finding.rule in wanted and finding.proposal is not None and finding.month is not None:
            by_series.setdefault(finding.series, []).append(finding)
    series, repairs = {}, []
    for name, one in history.series.items():
        if name in ended:
            continue
        values, done = _apply(one, by_series.get(name, []))
        series[name] = replace(one, values=values)
        repairs += done
    return Repaired(replace(history, series=series), tuple(repairs))


def clean(series: Series, end: int, thresholds: Thresholds = DEFAULTS) -> Floats | None:
    """A series as its models see it at the end of month `end`, checked and repaired on nothing later; None if it ended."""
    known = series.until(end)
    findings = check_series(known, end, thresholds)
    if any(finding.rule == "ended" for finding in findings):
        return None
    return _apply(known, [f for f in findings if f.rule in RULES])[0]


def _apply(series: Series, findings: Iterable[Finding]) -> tuple[Floats, list[Repair]]:
    findings = [f for f in findings if f.month is not None and f.proposal is not None]
    last = max([series.end, *(f.month for f in findings if f.month is not None)])
    values = np.concatenate([series.values, np.full(last - series.end, np.nan)])
    done = []
    for finding in findings:
        if finding.month is None or finding.proposal is None:
            continue
        after = (
            max(0.0, finding.proposal)
            if not (series.values < 0).any() or finding.rule == "negative"
            else finding.proposal
        )
        values[finding.month - series.start] = after
        done.append(Repair(series.name, finding.month, finding.rule, finding.value, after))
    return values, done
