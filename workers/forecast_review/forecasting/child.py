"""One run in a process of its own, with a low priority: ``python -m workers.forecast_review.forecasting.child``.

Standard input: a line of JSON (`Order`) and the packed history. It stays open: when it closes, who asked is gone, and the
process ends with all that it started. Standard output: a line of JSON for each step, then one that says how many bytes
the forecast has, and those bytes; or one with an error in words. What libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO

from workers.forecast_review.forecasting.choosing import Incumbent
from workers.forecast_review.forecasting.errors import ForecastError
from workers.forecast_review.forecasting.history import Problem
from workers.forecast_review.forecasting.packing import unpack
from workers.forecast_review.forecasting.plan import Plan, cores
from workers.forecast_review.forecasting.running import run_forecast

NICE = 10
"""Other programs of the machine go before."""
FEW = 8
"""Series that are done before further processes have imported the libraries."""
STEP_SECONDS = 0.5
"""Between two lines on how far the run is."""


@dataclass(frozen=True)
class Order:
    """What is asked for, but the history."""

    horizon: int
    clean: bool
    models: Sequence[str]
    origins: int
    incumbents: Mapping[str, Incumbent]
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


def main() -> None:
    """Work on one order."""
    # Whatever is printed by libraries must not get between the lines.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(NICE)
    order, size = Order.from_line(sys.stdin.buffer.readline())
    packed = sys.stdin.buffer.read(size)
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    told = 0.0

    def tell(done: int, total: int, doing: str) -> None:
        nonlocal told
        if done == total or time.monotonic() - told >= STEP_SECONDS:
            told = time.monotonic()
            _line(out, {"done": done, "total": total, "doing": doing})

    try:
        history = unpack(packed)
        plan = Plan(
            horizon=order.horizon,
            clean=order.clean,
            models=tuple(order.models),
            origins=order.origins,
            incumbents=order.incumbents,
            processes=1 if len(history.series) < FEW else cores(),
        )
        forecast = run_forecast(history, plan, problems=[Problem(*one) for one in order.problems], tell=tell)
        content = forecast.to_bytes()
    except ForecastError as error:
        _line(out, {"error": str(error)})
        return
    _line(out, {"size": len(content)})
    out.write(content)
    out.flush()


def _end_with(stream: BinaryIO) -> None:
    """End this process and its children when the stream does."""
    stream.read()
    os.killpg(0, signal.SIGKILL)


def _line(out: BinaryIO, content: Mapping[str, object]) -> None:
    out.write(json.dumps(content).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
