"""One run in a process of its own, with a low priority: ``python -m workers.forecast_review.forecasting.child``.

Standard input: a line of JSON (`order.Order`) and the packed history. It stays open: when it closes, who asked is gone, and the
process ends with all that it started. Standard output: a line of JSON for each step, then one that says how many bytes
the forecast has, and those bytes; or one with an error in words. What libraries print goes to standard error.
"""

from __future__ import annotations

import sys
import time

from workers.child_side import Answers, end_with_who_asked
from workers.forecast_review.forecasting.errors import ForecastError
from workers.forecast_review.forecasting.history import Problem
from workers.forecast_review.forecasting.models import SINGLE
from workers.forecast_review.forecasting.order import Order
from workers.forecast_review.forecasting.packing import unpack
from workers.forecast_review.forecasting.plan import Plan, cores
from workers.forecast_review.forecasting.running import run_forecast

FEW = 8
"""Series that are done before further processes have imported the libraries."""
STEP_SECONDS = 0.5
"""Between two lines on how far the run is."""


def main() -> None:
    """Work on one order."""
    answers = Answers()
    order, size = Order.from_line(sys.stdin.buffer.readline())
    packed = sys.stdin.buffer.read(size)
    end_with_who_asked()
    told = 0.0

    def tell(done: int, total: int, doing: str) -> None:
        nonlocal told
        if done == total or time.monotonic() - told >= STEP_SECONDS:
            told = time.monotonic()
            answers.line({"done": done, "total": total, "doing": doing})

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
        answers.line({"error": str(error)})
        return
    answers.parts(size=content)


if __name__ == "__main__":
    main()
