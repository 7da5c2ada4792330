"""A finished forecast: one immutable version, with everything that it was made from and judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from workers import archives
from workers.forecast_review.forecasting.errors import DataError

FORMAT = 1


@dataclass(frozen=True)
class Forecast:
    """One version. The frames' columns are in docs/adr/0010-forecasting.md."""

    card: Mapping[str, Any]  # Any: JSON
    """Version, name, data hash, seed, plan, libraries, counts: small enough for a person."""
    points: pd.DataFrame
    choices: pd.DataFrame
    accuracy: pd.DataFrame
    backtests: pd.DataFrame
    history: pd.DataFrame
    findings: pd.DataFrame
    problems: pd.DataFrame

    @property
    def version(self) -> str:
        """``<name>-<last month>-<digest>``: the same data, plan and libraries give the same version."""
        return str(self.card["version"])

    @property
    def name(self) -> str:
        """What is forecast; versions of one name follow each other."""
        return str(self.card["name"])

    @property
    def end(self) -> str:
        """The last month of history, ``2018-12``."""
        return str(self.card["end"])

    def to_bytes(self) -> bytes:
        """A zip of Parquet frames and the card; the same forecast gives the same bytes."""
        return archives.pack(self.card, {name: getattr(self, name) for name in FRAMES})

    @classmethod
    def from_bytes(cls, data: bytes) -> Forecast:
        """The forecast that `to_bytes` wrote.

        Raises:
            DataError: if the bytes are none.
        """
        try:
            card, frames = archives.unpack(data, FRAMES, kind="forecast", version=FORMAT)
        except archives.ArchiveError as error:
            raise DataError(str(error)) from error
        return cls(card, **frames)


FRAMES = tuple(field.name for field in fields(Forecast) if field.name != "card")


def version_of(name: str, end: str, content: Mapping[str, object]) -> str:
    """The name of the version that is made from this content (data hash, plan, libraries)."""
    return archives.version_of(f"{name}-{end}", content)
