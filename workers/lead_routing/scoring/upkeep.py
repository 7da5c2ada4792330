"""The long computations of a scorer's upkeep, without a database: check a stored model, train a challenger, try one.

Each takes seconds and loads numpy, scikit-learn and LightGBM; call them in a thread beside an event loop.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from workers.lead_routing.domain.score import as_list
from workers.lead_routing.domain.upkeep import Challenger, Drift, Figures, Trial
from workers.lead_routing.scoring.card import Card, make_card
from workers.lead_routing.scoring.drift import FEWEST_ROWS, LIMITS, DriftReport, chance_ece, check_drift
from workers.lead_routing.scoring.errors import DataError, LeadError
from workers.lead_routing.scoring.metrics import Metrics
from workers.lead_routing.scoring.model import Scorer, read_payload
from workers.lead_routing.scoring.retraining import retrain
from workers.lead_routing.scoring.schema import Schema, parse_schema
from workers.lead_routing.scoring.table import Source, build_table
from workers.lead_routing.scoring.training import score_table

Rows = Sequence[Mapping[str, object]]

SEED = 1
_MOST_WORDS = 6
"""Findings said in words; a form must stay readable."""


def schema_of(artifact: bytes) -> Schema:
    """The feature schema that a stored model was trained with.

    Raises:
        ScoringError: the model cannot be read.
    """
    payload, version = read_payload(artifact)
    return parse_schema(payload.model_schema, version)


def report_drift(artifact: bytes, rows: Rows) -> tuple[DriftReport, str]:
    """Hold rows with outcomes against a stored model, by the model's own schema → (report, model version).

    Raises:
        ScoringError: the rows are too few or cannot be used, or the model cannot be read.
    """
    if len(rows) < FEWEST_ROWS:
        raise DataError(f"drift needs at least {FEWEST_ROWS} recent rows with an outcome; there are {len(rows)}")
    payload, version = read_payload(artifact)
    table = build_table(rows, parse_schema(payload.model_schema, version), skip_bad=True)
    return check_drift(payload, table, score_table(payload, table)), version


def find_drift(artifact: bytes, rows: Rows, version: str, age_days: float) -> Drift:
    """`report_drift` in the form that the process works with; too few rows are said, not raised.

    Raises:
        ScoringError: the rows cannot be used, or the model cannot be read.
    """
    if len(rows) < FEWEST_ROWS:
        words = f"- Only {len(rows)} outcomes are recorded; {FEWEST_ROWS} are needed to judge"
        advice = "Nothing to do: it is checked again next time. Outcomes are recorded by `fairlead leads outcome`."
        return Drift(version, False, False, age_days, len(rows), None, None, None, None, words, advice)
    report, _ = report_drift(artifact, rows)
    by_name = {finding.what: finding for finding in report.findings}
    moved = [finding.text for finding in report.findings if finding.drifted]
    more = [f"and {len(moved) - _MOST_WORDS} more features"] if len(moved) > _MOST_WORDS else []
    said = [*moved[:_MOST_WORDS], *more] or [by_name["label_rate"].text, by_name["calibration"].text]
    return Drift(
        model_version=version,
        enough=True,
        drifted=report.drifted,
        age_days=age_days,
        rows=report.rows,
        label_rate=by_name["label_rate"].recent,
        reference_label_rate=by_name["label_rate"].reference,
        calibration=by_name["calibration"].recent,
        largest_psi=max(f.recent for f in report.findings if f.what not in {"label_rate", "calibration"}),
        words=as_list(said),
        advice=report.advice,
    )


def challenge(artifact: bytes, rows: Rows, *, window: int, now: datetime) -> tuple[Challenger, bytes, Card]:
    """Train a challenger of the stored model on these rows → (what it is worth, its stored form, its card).

    Raises:
        ScoringError: the rows are too few or cannot be used, or the stored model cannot be read.
    """
    result = retrain(rows, schema_of(artifact), champion=artifact, seed=SEED, window=window)
    trained = result.trained
    source = Source("recorded outcomes in routing.leads")
    card = make_card(trained, result.table, source, seed=SEED, window=window, now=now)
    challenger = Challenger(
        version=trained.version,
        better=result.replace,
        drift_remains=trained.held_out.ece > LIMITS.ece + chance_ece(trained.held_out_scores),
        why=result.why,
        champion_figures=_figures(result.champion) if result.champion else None,
        challenger_figures=_figures(result.challenger or trained.held_out),
    )
    return challenger, trained.artifact, card


def try_model(artifact: bytes, leads: Rows) -> Trial:
    """Read a stored model as a worker does and score these leads; one that lacks a required feature is not scored.

    Raises:
        ArtifactError: it cannot be read.
    """
    scorer = Scorer.from_bytes(artifact)
    scored, slowest = 0, 0.0
    for lead in leads:
        begin = time.perf_counter()
        try:
            scored += 0.0 <= scorer.score(lead).score <= 1.0
        except LeadError:
            continue
        slowest = max(slowest, time.perf_counter() - begin)
    return Trial(scorer.version, len(leads), scored, round(slowest * 1000, 3))


def _figures(metrics: Metrics) -> Figures:
    return Figures(metrics.rows, metrics.base_rate, metrics.auc, metrics.brier, metrics.ece)
