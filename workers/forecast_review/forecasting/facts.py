"""What changed since the last version and why, and which segments are unsure or off: one record a segment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workers.forecast_review.forecasting import metrics
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.frames import PUBLISHED
from workers.forecast_review.forecasting.history import TOTAL, Floats
from workers.forecast_review.forecasting.months import YEAR

NOTABLE = 0.01
"""Relative change from which a part of it is put into words."""
UNSURE = 0.25
"""Half of the 80 % interval in relation to the forecast, above which a segment is unsure."""


@dataclass(frozen=True)
class SegmentFacts:
    """What a decision about one segment can be made on. Shares and changes are relative: 0.05 is five percent."""

    segment: str
    level: str
    total: float
    """Sum of the forecast months, in the data's unit."""
    share: float
    """Of the grand total."""
    growth: float | None
    """Against the same months of the year before, where history has them."""
    uncertainty: float | None
    """Half of the 80 % interval over the forecast, mean of the months; None without a record."""
    champion: str
    mase: float | None
    """Of the champion in backtests."""
    bias: float | None
    """Of what would have been published in backtests; positive means too high."""
    findings: int
    unsure: bool
    off: bool
    """The months that came since the previous version lie outside its 95 % interval more often than not."""
    change: float | None = None
    """Against the previous version over the months that both have; None without one."""
    level_change: float | None = None
    trend_change: float | None = None
    """By the end of the months that both have."""
    season_change: float | None = None
    """Typical size of what level and trend do not explain."""
    surprise: float | None = None
    """By how much the new months differ from the previous forecast of them."""
    previous_champion: str | None = None
    misses: int = 0
    """Months that came since the previous version and lie outside its 95 % interval."""
    revised: int = 0
    """Months of history that hold another value than in the previous version."""
    why: tuple[str, ...] = ()
    """In words."""


def segment_facts(forecast: Forecast, previous: Forecast | None = None) -> list[SegmentFacts]:
    """Facts of every node, in the order of the forecast; the total comes first if there is one."""
    points = dict(iter(forecast.points.groupby("segment", sort=False)))
    history = {name: _by_month(part, "value") for name, part in forecast.history.groupby("segment", sort=False)}
    tests = dict(iter(forecast.backtests.groupby("segment", sort=False)))
    chosen = {row["segment"]: row for row in forecast.choices.to_dict("records")}
    found_in = Counter(forecast.findings["series"])
    bottom = float(forecast.points.loc[forecast.points["segment"] == TOTAL, "value"].sum()) or sum(
        float(part["value"].sum()) for name, part in points.items()
    )
    before = _Previous(previous) if previous is not None else None
    facts = []
    for name, part in points.items():
        values = part["value"].to_numpy()
        total = float(values.sum())
        width = (part["hi80"] - part["lo80"]).to_numpy() / 2
        uncertainty = float(width.mean() / values.mean()) if np.isfinite(width).all() and values.mean() > 0 else None
        choice = chosen[name]
        change: dict[str, Any] = {}  # Any: fields of SegmentFacts
        if before is not None:
            change = before.compare(str(name), part, history[name], str(choice["champion"]))
        growth = _growth(part, history[name])
        unsure = uncertainty is None or uncertainty > UNSURE
        why = [*_unsure_why(uncertainty, str(choice["champion"])), *change.pop("why", ())]
        facts.append(
            SegmentFacts(
                segment=str(name),
                level=str(part["level"].iloc[0]),
                total=total,
                share=total / bottom if bottom else 0.0,
                growth=growth,
                uncertainty=uncertainty,
                champion=str(choice["champion"]),
                mase=_number(choice["mase"]),
                bias=_bias(tests.get(name)),
                findings=found_in[name],
                unsure=unsure,
                off=change.pop("off", False),
                why=tuple(why),
                **change,
            )
        )
    return facts


def plain_series(forecast: Forecast) -> dict[str, dict[str, Any]]:  # Any: JSON
    """Each segment's figures as plain values, for those who show them without these libraries.

    ``months`` (``2019-01``) with ``value``, ``lo80``, ``hi80`` (None: no record to tell by), and ``history``: month → value.
    """
    past = {
        str(name): {f"{month:%Y-%m}": float(value) for month, value in zip(part["month"], part["value"], strict=True)}
        for name, part in forecast.history.groupby("segment", sort=False)
    }
    return {
        str(name): {
            "months": [f"{month:%Y-%m}" for month in part["month"]],
            **{column: [_number(float(value)) for value in part[column]] for column in ("value", "lo80", "hi80")},
            "history": past[str(name)],
        }
        for name, part in forecast.points.groupby("segment", sort=False)
    }


class _Previous:
    """The previous version, to compare one segment after the other with."""

    def __init__(self, forecast: Forecast) -> None:
        self.points = dict(iter(forecast.points.groupby("segment", sort=False)))
        self.history = {n: _by_month(part, "value") for n, part in forecast.history.groupby("segment", sort=False)}
        self.chosen = forecast.choices.set_index("segment")["champion"]

    def compare(self, name: str, part: pd.DataFrame, history: pd.Series[float], champion: str) -> dict[str, Any]:
        """The fields of `SegmentFacts` that need a previous version."""
        if name not in self.points:
            return {"why": ("the segment is new",)}
        old = self.points[name].set_index("month")
        new = part.set_index("month")["value"]
        both = new.index.intersection(old.index)
        came = history.index.intersection(old.index)
        former = self.history[name]
        shared = history.index.intersection(former.index)
        revised = int((~np.isclose(history[shared], former[shared], rtol=1e-9)).sum())
        out: dict[str, Any] = {"previous_champion": str(self.chosen[name]), "revised": revised}
        why: list[str] = []
        if len(came):
            expected, actual = float(old.loc[came, "value"].sum()), float(history[came].sum())
            if expected > 0:
                surprise = actual / expected - 1
                out["surprise"] = surprise
                if abs(surprise) >= NOTABLE:
                    side = "above" if surprise > 0 else "below"
                    why.append(f"the {len(came)} new month(s) came {abs(surprise):.1%} {side} the last forecast")
            inside = (old.loc[came, "lo95"] <= history[came]) & (history[came] <= old.loc[came, "hi95"])
            known = old.loc[came, "lo95"].notna()
            out["misses"] = int((~inside[known]).sum())
            out["off"] = bool(known.any() and (~inside[known]).mean() > 0.5)
            if out["off"]:
                why.append("most of the new months lie outside the last forecast's 95 % interval")
        if len(both) and float(old.loc[both, "value"].sum()) > 0:
            parts = decompose(old.loc[both, "value"].to_numpy(), new[both].to_numpy())
            out |= parts
            words = (
                ("level_change", "level"),
                ("trend_change", "trend, by the last month"),
                ("season_change", "season"),
            )
            for key, word in words:
                size = parts[key]
                if abs(size) >= NOTABLE:
                    why.append(
                        f"{word} {size:+.1%}" if key != "season_change" else f"{word} moves months by {size:.1%}"
                    )
        if revised:
            why.append(f"{revised} month(s) of history were revised")
        if str(self.chosen[name]) != champion:
            why.append(f"the champion is {champion}, it was {self.chosen[name]}")
        return out | {"why": tuple(why)}


def decompose(old: Floats, new: Floats) -> dict[str, float]:
    """A change over the same months, in parts: level (at the first month), trend (more by the last one), season (the
    standard deviation of the rest), each relative to the mean of the old forecast, and the change of the sum.
    """
    mean = float(np.mean(old))
    difference = (new - old) / mean
    change = float(difference.mean())
    if len(difference) < 3:
        return {"change": change, "level_change": change, "trend_change": 0.0, "season_change": 0.0}
    steps = np.arange(len(difference))
    slope, level = np.polyfit(steps, difference, 1)
    rest = difference - (level + slope * steps)
    return {
        "change": change,
        "level_change": float(level),
        "trend_change": float(slope * steps[-1]),
        "season_change": float(rest.std()),
    }


def _unsure_why(uncertainty: float | None, champion: str) -> list[str]:
    if uncertainty is None:
        return [f"there is no record to tell how sure {champion} is"]
    return [f"the 80 % interval is ±{uncertainty:.0%}"] if uncertainty > UNSURE else []


def _growth(part: pd.DataFrame, history: pd.Series[float]) -> float | None:
    before = [month - pd.DateOffset(months=YEAR) for month in part["month"]]
    known = [month in history.index for month in before]
    last = float(sum(history[month] for month, there in zip(before, known, strict=True) if there))
    return float(part["value"].to_numpy()[known].sum()) / last - 1 if last > 0 else None


def _bias(tests: pd.DataFrame | None) -> float | None:
    if tests is None or not len(tests):
        return None
    return _number(metrics.bias(tests["actual"].to_numpy(float), tests[PUBLISHED].to_numpy(float)) / 100)


def _by_month(part: pd.DataFrame, column: str) -> pd.Series[float]:
    return part.set_index("month")[column]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
