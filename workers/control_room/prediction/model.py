"""What was trained, as it is stored and used: risk, remaining time, and why.

Stored as compressed JSON that holds LightGBM's text form: reading it runs no code of its author. A number that is none
(NaN, infinite) is refused on both ways.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import lightgbm
import numpy as np

from workers.control_room.prediction.features import FEATURES
from workers.control_room.prediction.history import Floats

FORMAT = 1
"""Raise it when an older program could not use the file, or this one not an older file."""
QUANTILES = (0.1, 0.5, 0.9)
"""Of the remaining time: low, middle, high; 80 % lie between the outer two."""
SURE = 0.005
"""No risk is said to be nearer to 0 or 1: the calibrating slice is too small to know it better."""
LARGEST_BYTES = 50_000_000


class ModelUnusable(Exception):
    """A stored model can't be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """One row for each moment."""

    risk: Floats
    """That the due time runs out, 0 to 1, calibrated."""
    remaining: Floats
    """Seconds until the instance ends, by `QUANTILES`: three columns; NaN: not learned."""


@dataclass(frozen=True)
class Model:
    """Made by `training.fit`."""

    version: str
    fitted_until: float
    """It has seen nothing of tasks that were created later; seconds since 1970."""
    tasks: int
    """That it was fitted and calibrated on."""
    places: tuple[str, ...]
    risk: str
    """LightGBM's text form, of log-odds."""
    slope: float
    """Of the calibration (Platt 1999): log-odds are stretched and moved so that they fit a later slice."""
    intercept: float
    times: tuple[str, ...]
    """Text forms by `QUANTILES`, of ln(1 + seconds); empty: too few instances had ended."""
    widen: float
    """What the interval is wider on each side in ln(1 + seconds), by a later slice (conformalised quantile regression,
    Romano et al. 2019, https://arxiv.org/abs/1905.03222)."""
    late_share: float
    """Of the moments it was fitted on, those whose task ran over."""
    rule_shares: tuple[float, float]
    """The same of moments at which 80 % of the time were gone, and of the others: today's rule as a probability."""
    usual: dict[str, tuple[float, ...]]
    """Seconds until the end by place (key empty: anywhere), by `QUANTILES`: what is usual there."""
    features: tuple[str, ...] = FEATURES
    format: int = field(default=FORMAT)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Category of each place."""
        return {name: number for number, name in enumerate(self.places)}

    @cached_property
    def _risk(self) -> lightgbm.Booster:
        return lightgbm.Booster(model_str=self.risk)

    @cached_property
    def _times(self) -> list[lightgbm.Booster]:
        return [lightgbm.Booster(model_str=text) for text in self.times]

    def log_odds(self, rows: Floats) -> Floats:
        """Of a late end, before the calibration."""
        if not len(rows):
            return np.empty(0)
        return np.asarray(self._risk.predict(rows, raw_score=True, num_threads=1), dtype=np.float64)

    def logs(self, rows: Floats) -> Floats:
        """ln(1 + seconds) until the end by `QUANTILES`, before it is widened."""
        if not len(rows):
            return np.empty((0, len(QUANTILES)))
        return np.sort(np.column_stack([one.predict(rows, num_threads=1) for one in self._times]), axis=1)

    def predict(self, rows: Floats) -> Predicted:
        """Risk and remaining time of each row of `features.matrix`."""
        odds = np.clip(self.slope * self.log_odds(rows) + self.intercept, -30, 30)
        risk = np.clip(1 / (1 + np.exp(-odds)), SURE, 1 - SURE)
        if not self.times:
            return Predicted(risk, np.full((len(rows), len(QUANTILES)), np.nan))
        logs = self.logs(rows)
        # Where what is widened is negative the interval gets narrower, but never beyond its middle.
        logs[:, 0] = np.minimum(logs[:, 0] - self.widen, logs[:, 1])
        logs[:, 2] = np.maximum(logs[:, 2] + self.widen, logs[:, 1])
        return Predicted(risk, np.maximum(np.expm1(logs), 0.0))

    def contributions(self, rows: Floats) -> Floats:
        """TreeSHAP values in log-odds, a column for each feature (Lundberg et al. 2018, https://arxiv.org/abs/1802.03888)."""
        if not len(rows):
            return np.empty((0, len(self.features)))
        found = np.asarray(self._risk.predict(rows, pred_contrib=True, num_threads=1), dtype=np.float64)
        return self.slope * found[:, :-1]

    def to_bytes(self) -> bytes:
        """As it is stored. Raises ValueError if a number is none."""
        return zlib.compress(json.dumps(asdict(self), allow_nan=False).encode())


def from_bytes(artifact: bytes) -> Model:
    """Read a stored model.

    Raises:
        ModelUnusable: it is of another format, has other features, or is damaged.
    """
    try:
        # zlib's checksum at the end tells damage, of which LightGBM would die.
        packed = zlib.decompressobj()
        unpacked = packed.decompress(artifact, LARGEST_BYTES)
        if not packed.eof:
            raise _damaged("it is cut off, or too large")
        given: dict[str, Any] = json.loads(unpacked, parse_constant=_no_number)
        form = given["format"]
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise _damaged(error) from None
    if form != FORMAT:
        raise ModelUnusable(f"it has format {form}, this version of Fairlead reads {FORMAT}; {_ANEW}")
    if tuple(given.get("features", ())) != FEATURES:
        raise ModelUnusable(f"it was trained on other features than this version of Fairlead makes; {_ANEW}")
    try:
        model = Model(**{name: _frozen(value) for name, value in given.items()})
        widths = {one.num_feature() for one in (model._risk, *model._times)}
    except (TypeError, KeyError, lightgbm.basic.LightGBMError, ValueError) as error:
        raise _damaged(error) from None
    if widths != {len(FEATURES)}:
        raise _damaged("its parts do not fit each other")
    return model


_ANEW = "train another one (fairlead readmodel predict train)"


def _damaged(error: object) -> ModelUnusable:
    return ModelUnusable(f"it is damaged ({error}); {_ANEW}")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON's lists as the tuples that they were."""
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    return {key: _frozen(one) for key, one in value.items()} if isinstance(value, dict) else value


def texts(boosters: Sequence[lightgbm.Booster]) -> tuple[str, ...]:
    """Their text forms."""
    return tuple(one.model_to_string() for one in boosters)
