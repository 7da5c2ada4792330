"""One run from a history to a finished forecast."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import cast

import pandas as pd

from workers.forecast_review.forecasting import frames, months
from workers.forecast_review.forecasting.checks import Finding, check
from workers.forecast_review.forecasting.errors import DataError
from workers.forecast_review.forecasting.fitting import Tell, fit_all
from workers.forecast_review.forecasting.forecast import Forecast, version_of
from workers.forecast_review.forecasting.hierarchy import build
from workers.forecast_review.forecasting.history import History, Problem
from workers.forecast_review.forecasting.plan import Plan, describe
from workers.forecast_review.forecasting.publishing import publish
from workers.forecast_review.forecasting.repairs import GAPS, RULES, Repair, repair

LIBRARIES = ("hierarchicalforecast", "numpy", "pandas", "prophet", "scipy", "statsforecast", "statsmodels")


def run_forecast(
    history: History,
    plan: Plan,
    *,
    problems: Iterable[Problem] = (),
    truth: History | None = None,
    tell: Tell = lambda _done, _total, _name: None,
) -> Forecast:
    """Check, repair, fit, choose, reconcile and judge.

    Args:
        history: what was read.
        plan: what to do.
        problems: what the reader left out, to be kept with the result.
        truth: what forecasts are held against, if not `history` (for data with faults put in on purpose).
        tell: called as work proceeds.

    Raises:
        DataError: if every series ended long ago.
    """
    findings = check(history, plan.thresholds)
    # As they are: the models still need a value where there is none.
    repaired = repair(history, findings, RULES if plan.clean else GAPS)
    kept = replace(history, series={name: history.series[name] for name in repaired.history.series})
    if not kept.series:
        raise DataError(f"{history.name}: every series ended long before the newest month; nothing is left to forecast")
    hierarchy = build(kept)
    origins = plan.months_of_origins(kept)
    base = fit_all(
        kept,
        hierarchy,
        origins,
        plan.models_for(len(kept.series)),
        plan.horizon,
        thresholds=plan.thresholds if plan.clean else None,
        processes=plan.processes,
        seed=plan.seed,
        truth=truth or kept,
        tell=tell,
    )
    judged = range(max(0, len(origins) - 1 - plan.origins), len(origins))
    published = {}
    for done, at in enumerate(judged, start=1):
        # The champions of the review before were not known at earlier origins.
        incumbents = plan.incumbents if at == len(origins) - 1 else None
        published[at] = publish(base, at, margin=plan.margin, seed=plan.seed, incumbents=incumbents)
        tell(done, len(judged), "choosing and adding up")
    backtests = frames.backtests(base, published)
    all_problems = [*problems, *frames.failed(base, len(origins) - 1)]
    return Forecast(
        card=_card(kept, plan, origins, findings, repaired.repairs, all_problems),
        points=frames.points(base, published[len(origins) - 1]),
        choices=frames.choices(base, published[len(origins) - 1]),
        accuracy=frames.accuracy(base, published),
        backtests=backtests,
        history=frames.history(hierarchy, kept, repaired.history),
        findings=_findings(findings, repaired.repairs),
        problems=pd.DataFrame(all_problems, columns=["where", "rule", "text", "series"]).astype(str),
    )


def _card(
    history: History,
    plan: Plan,
    origins: Sequence[int],
    findings: Sequence[Finding],
    repairs: Sequence[Repair],
    problems: Sequence[Problem],
) -> dict[str, object]:
    content: dict[str, object] = {
        "data_sha256": history.sha256,
        "plan": plan.content(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    end = months.text(history.end)
    card = {
        "format": Forecast.form,
        "version": version_of(history.name, end, content),
        "name": history.name,
        "end": end,
        "unit": history.unit,
        "series": len(history.series),
        "origins": describe(origins),
        "findings": dict(Counter(finding.rule for finding in findings)),
        "repairs": len(repairs),
        "problems": dict(Counter(problem.rule for problem in problems)),
        **content,
    }
    # As it comes back from a file: lists, not tuples.
    return cast("dict[str, object]", json.loads(json.dumps(card)))


def _findings(findings: Sequence[Finding], repairs: Sequence[Repair]) -> pd.DataFrame:
    done = {(one.series, one.month, one.rule): one.after for one in repairs}
    return pd.DataFrame(
        {
            "series": [f.series for f in findings],
            "month": pd.Series(
                [None if f.month is None else months.first_day(f.month) for f in findings], dtype="datetime64[ns]"
            ),
            "rule": [f.rule for f in findings],
            "severity": [f.severity for f in findings],
            "text": [f.text for f in findings],
            "value": pd.array([f.value for f in findings], dtype="Float64").to_numpy("float64", na_value=float("nan")),
            "repaired": [
                done.get((f.series, f.month, f.rule), float("nan")) if f.month is not None else float("nan")
                for f in findings
            ],
        }
    ).astype({"repaired": "float64"})
