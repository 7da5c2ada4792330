"""What can go wrong in forecasting.

::

    ForecastError
    ├── LayoutError      the declared layout contradicts itself or the file
    ├── DataError        nothing in the data can be used
    ├── PlanError        what was asked for cannot be done: horizon, models
    └── NoForecastError  no such version is stored
"""

from __future__ import annotations


class ForecastError(Exception):
    """Forecasting failed."""


class LayoutError(ForecastError):
    """The layout of the data cannot be used."""


class DataError(ForecastError):
    """Nothing in the data can be used."""


class PlanError(ForecastError):
    """What was asked for cannot be done."""


class NoForecastError(ForecastError):
    """No such forecast is stored; `fairlead forecast list` shows those there are."""
