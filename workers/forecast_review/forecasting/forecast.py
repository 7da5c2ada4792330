"""A finished forecast: one immutable version, with everything that it was made from and judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from workers.archive import Archived, digest
from workers.forecast_review.forecasting.errors import DataError
from workers.forecast_review.forecasting.history import HARM


@dataclass(frozen=True)
class Forecast(Archived):
    """One version, ``<name>-<last month>-<digest>``: the same data, plan and libraries give the same one.

    The card: version, name, data hash, seed, plan, libraries, counts. The frames' columns are in docs/adr/0010-forecasting.md.
    """

    unreadable = DataError

    points: pd.DataFrame
    choices: pd.DataFrame
    accuracy: pd.DataFrame
    backtests: pd.DataFrame
    history: pd.DataFrame
    findings: pd.DataFrame
    problems: pd.DataFrame

    @property
    def name(self) -> str:
        """What is forecast; versions of one name follow each other."""
        return str(self.card["name"])

    @property
    def end(self) -> str:
        """The last month of history, ``2018-12``."""
        return str(self.card["end"])

    def report(self) -> pd.DataFrame:
        """One row for each finding of the checks and for each thing that was left out (a warning), the worst first.

        Columns: series, month, rule, severity, text, value, repaired.
        """
        left_out = self.problems[["series", "rule", "text"]].assign(severity="warning")
        found = pd.concat([left_out, self.findings], ignore_index=True).reindex(columns=self.findings.columns)
        return found.sort_values("severity", key=lambda part: part.map(HARM), kind="stable")


def version_of(name: str, end: str, content: Mapping[str, object]) -> str:
    """The name of the version that is made from this content (data hash, plan, libraries)."""
    return f"{name}-{end}-{digest(content)}"
