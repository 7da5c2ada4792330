"""A forecast that was fitted, in figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelCount:
    """Of how many segments a model is the champion."""

    model: str
    count: int


@dataclass(frozen=True, slots=True)
class Run:
    """One version, made by `fit_forecast`; arrays stay in table forecasting.runs."""

    version: str
    series: int
    nodes: int
    """Series and their sums."""
    champions: tuple[ModelCount, ...]
    """The most frequent first."""
    kept: int
    """Segments whose champion stays, though another model was better this time."""
    replaced: int
    """Segments whose champion is another one than at the review before."""
    problems: int
    """Rows and models that were left out."""
    mase: float | None
    """Of what would have been published at earlier origins, mean of the series; None without such an origin."""
    cover80: float | None
    """Percent of what came that lay within the 80 % intervals there."""
    history_end: str
    """The last month of history, ``2015-07``."""
