"""What a run in a process of its own is asked for. Nothing heavy is imported here: who asks need not carry the models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from workers.forecast_review.forecasting.incumbents import Incumbent, Incumbents


@dataclass(frozen=True)
class Order:
    """What is asked for, but the history."""

    horizon: int
    clean: bool
    models: Sequence[str]
    """Those that compete; empty: all single ones but the LSTM."""
    origins: int
    incumbents: Incumbents
    problems: Sequence[Sequence[str]]
    """Fields of `history.Problem`: what was left out at the collection."""

    def to_line(self, size: int) -> bytes:
        """The first line; `size` is the number of bytes of the packed history that follow."""
        return json.dumps(asdict(self) | {"size": size}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> tuple[Order, int]:
        """The order and the size of the history."""
        content = json.loads(line)
        size = content.pop("size")
        content["incumbents"] = {node: Incumbent(**one) for node, one in content["incumbents"].items()}
        return cls(**content), size
