"""A history as bytes and back, so that what was collected can be kept as it came."""

from __future__ import annotations

import gzip
import json
import zlib

import numpy as np

from workers.forecast_review.forecasting.errors import DataError
from workers.forecast_review.forecasting.history import History, Series


def pack(history: History) -> bytes:
    """Gzipped JSON; the same history gives the same bytes, and every number comes back as it was."""
    content = {
        "name": history.name,
        "levels": history.levels,
        "groups": history.groups,
        "unit": history.unit,
        "series": [
            [one.path, one.start, [None if np.isnan(value) else float(value) for value in one.values]]
            for one in history.series.values()
        ],
    }
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0)


def unpack(data: bytes) -> History:
    """The history that `pack` wrote.

    Raises:
        DataError: if the bytes are none.
    """
    try:
        content = json.loads(gzip.decompress(data))
        series = [
            Series(tuple(path), start, np.array([np.nan if value is None else value for value in values], dtype=float))
            for path, start, values in content["series"]
        ]
        return History(
            content["name"],
            tuple(content["levels"]),
            {one.name: one for one in series},
            tuple(tuple(group) for group in content["groups"]),
            content["unit"],
        )
    except (OSError, EOFError, zlib.error, KeyError, TypeError, ValueError) as error:
        raise DataError(f"these bytes are no packed history: {error}") from error
