"""Pictures of a forecast, by matplotlib: history, what would have been published, forecast and intervals."""

from __future__ import annotations

import base64
import html as escape
import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from workers.forecast_review.forecasting.errors import NoForecastError
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.frames import PUBLISHED

YEARS = 6
"""Of history that a picture shows."""


def png(forecast: Forecast, segment: str) -> bytes:
    """One segment as a PNG, 1000 x 450 pixels.

    Raises:
        NoForecastError: if there is no such segment.
    """
    points = forecast.points[forecast.points["segment"] == segment]
    if points.empty:
        some = ", ".join(forecast.points["segment"].unique()[:5])
        raise NoForecastError(f"{forecast.version} has no segment {segment!r}; there are {some}, …")
    past = forecast.history[forecast.history["segment"] == segment].tail(YEARS * 12)
    tests = forecast.backtests[forecast.backtests["segment"] == segment]
    figure = Figure(figsize=(10, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot(past["month"], past["value"], color="#1f2937", linewidth=1.4, label="history")
    changed = past[~(past["raw"].sub(past["value"]).abs() <= 1e-9)].dropna(subset=["raw"])
    if len(changed):
        axes.plot(changed["month"], changed["raw"], "x", color="#b91c1c", label="as delivered, repaired")
    for i, (_, one) in enumerate(tests[tests["month"] >= past["month"].min()].groupby("origin")):
        axes.plot(
            one["month"], one[PUBLISHED], "--", color="#9ca3af", linewidth=1, label=None if i else "forecast then"
        )
    for level, shade in ((95, 0.12), (80, 0.22)):
        axes.fill_between(
            points["month"].to_numpy(),
            points[f"lo{level}"].to_numpy(float),
            points[f"hi{level}"].to_numpy(float),
            color="#2563eb",
            alpha=shade,
            linewidth=0,
            label=f"{level} % interval",
        )
    axes.plot(points["month"], points["value"], color="#2563eb", linewidth=1.8, label="forecast")
    axes.set_title(f"{segment}  ({forecast.version})", loc="left", fontsize=11)
    axes.set_ylabel(str(forecast.card["unit"]))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def html(forecast: Forecast, segments: Sequence[str]) -> str:
    """A page that needs nothing else: the pictures of some segments. Raises what `png` raises."""
    pictures = "\n".join(
        f'<p><img alt="{escape.escape(name)}" src="data:image/png;base64,'
        f'{base64.b64encode(png(forecast, name)).decode()}"></p>'
        for name in segments
    )
    title = escape.escape(f"Forecast {forecast.version}")
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>\n{pictures}\n</html>\n'
