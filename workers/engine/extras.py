"""Which of the extras are installed; nothing of them is imported, and nothing of the local stack."""

from __future__ import annotations

import importlib.util


def can_forecast() -> bool:
    """Whether the extra `forecasting` is installed."""
    return _installed("statsforecast", "prophet", "hierarchicalforecast")


def can_predict() -> bool:
    """Whether the extra `scoring` is installed, which predictions need too."""
    return _installed("lightgbm", "numpy", "sklearn")


def can_plan() -> bool:
    """Whether the extras `planning` and `territories` are installed."""
    return _installed("clarabel", "fpdf", "matplotlib", "numba", "pandas", "pyarrow", "scipy")


def _installed(*packages: str) -> bool:
    return all(importlib.util.find_spec(name) for name in packages)
