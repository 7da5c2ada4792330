"""Fit the models, choose each segment's champion, and make the forecasts add up."""

from __future__ import annotations

from workers.forecast_review.domain.history import History
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.forecast_review.ports.runs import ForecastImpossible
from workers.runtime.task import Contract, task


class FitForecastInput(Contract):
    """Which collection, and how."""

    forecast_id: str
    collection: int
    history: History
    horizon: int
    """Months ahead."""
    repair: bool = True
    """Whether values are repaired by rule before models learn from them; without it only gaps are filled."""
    models: list[str] = []  # noqa: RUF012 - pydantic copies it
    """Those that compete; empty: all that are installed, but the LSTM."""
    origins: int = 5
    """Earlier months at which it is measured what would have been published."""


class FitForecastOutput(Contract):
    """The version; its arrays stay in the database."""

    forecast: Run


@task(business_id="forecast_id", effect="once", loop="collection", errors=(ForecastImpossible,), timeout_seconds=3600)
async def fit_forecast(given: FitForecastInput, ports: ForecastReviewPorts) -> FitForecastOutput:
    """Fit in a process of its own; takes minutes, and is stopped if the review is.

    Raises:
        ForecastImpossible: nothing is left to forecast; brings ``history_why``.
    """
    run = await ports.forecaster.fit(
        given.forecast_id,
        given.history.history_id,
        horizon=given.horizon,
        repair=given.repair,
        models=tuple(given.models),
        origins=given.origins,
    )
    await ports.work.note(
        "fitted",
        f"{run.nodes} segments were forecast; {run.kept} champions are challenged, {run.replaced} were replaced.",
        version=run.version,
        champions={one.model: one.count for one in run.champions},
        kept=run.kept,
        replaced=run.replaced,
        problems=run.problems,
        mase=run.mase,
        cover80=run.cover80,
        repaired=given.repair,
    )
    return FitForecastOutput(forecast=run)
