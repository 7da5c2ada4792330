"""One run in a process of its own, with a low priority: ``python -m workers.forecast_review.forecasting.child``.

Standard input: a line of JSON (`order.Order`) and the packed history. It stays open: when it closes, who asked is gone, and the
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
from collections.abc import Mapping
from typing import BinaryIO

from workers.forecast_review.forecasting.errors import ForecastError
from workers.forecast_review.forecasting.history import Problem
from workers.forecast_review.forecasting.models import SINGLE
from workers.forecast_review.forecasting.order import Order
from workers.forecast_review.forecasting.packing import unpack
from workers.forecast_review.forecasting.plan import Plan, cores
from workers.forecast_review.forecasting.running import run_forecast

NICE = 10
"""Other programs of the machine go before."""
FEW = 8
"""Series that are done before further processes have imported the libraries."""
STEP_SECONDS = 0.5
"""Between two lines on how far the run is."""


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
            models=tuple(order.models) or SINGLE,
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
