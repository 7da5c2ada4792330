"""A finished forecast: one immutable version, with everything that it was made from and judged by."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

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
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in (
                ("card.json", _json(self.card)),
                *((f"{n}.parquet", _parquet(self, n)) for n in FRAMES),
            ):
                # A fixed date: bytes say what was forecast, not when.
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Forecast:
        """The forecast that `to_bytes` wrote.

        Raises:
            DataError: if the bytes are none.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                card = json.loads(archive.read("card.json"))
                frames = {name: pd.read_parquet(io.BytesIO(archive.read(f"{name}.parquet"))) for name in FRAMES}
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise DataError(f"these bytes are no stored forecast: {error}") from error
        if card.get("format") != FORMAT:
            raise DataError(f"the stored forecast has format {card.get('format')}, this program reads {FORMAT}")
        return cls(card, **frames)


FRAMES = tuple(field.name for field in fields(Forecast) if field.name != "card")


def version_of(name: str, end: str, content: Mapping[str, object]) -> str:
    """The name of the version that is made from this content (data hash, plan, libraries)."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{name}-{end}-{digest[:10]}"


def _json(card: Mapping[str, object]) -> bytes:
    return json.dumps(card, indent=2, sort_keys=True).encode()


def _parquet(forecast: Forecast, name: str) -> bytes:
    out = io.BytesIO()
    frame: pd.DataFrame = getattr(forecast, name)
    frame.to_parquet(out, index=False)
    return out.getvalue()
