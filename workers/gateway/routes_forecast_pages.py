"""Pages and pictures of forecasts for people: a signed link opens them for a while, an API token always."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from workers.forecast_review.adapters.pictures import page_path, picture_path
from workers.gateway import forecast_reading as reading
from workers.gateway.forecast_answers import ForecastView, SegmentView
from workers.gateway.html import page
from workers.gateway.parts import TheParts
from workers.gateway.problems import Refusal
from workers.gateway.signed_pages import Signature, Until, let_in, picture_of
from workers.office import links

router = APIRouter(tags=["people"])

SHOWN = 40
"""Segments that a page lists; sums come first."""


@router.get(
    "/forecasts/{run_version}/pictures/{segment:path}",
    response_class=Response,
    summary="A picture of a segment",
    responses={200: {"content": {"image/png": {}}, "description": "History, forecast and intervals."}},
)
async def get_picture(
    request: Request,
    run_version: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    segment: Annotated[str, Path(pattern=r"^[^\x00]{1,500}$")],
    parts: TheParts,
    until: Until = None,
    signature: Signature = None,
) -> Response:
    """Drawn by the forecaster for the total and for each segment that a person looks at."""
    await let_in(request, parts, picture_path(run_version, segment), until, signature)
    async with parts.pool.connection() as connection:
        found = await connection.execute(
            "SELECT png FROM forecasting.pictures WHERE run_version = %s AND segment = %s", (run_version, segment)
        )
        row = await found.fetchone()
    if row is None:
        detail = (
            "There is no picture of it. Pictures are drawn of the total and of segments that people review; "
            "`fairlead forecast show` draws any other."
        )
        raise Refusal(404, "no-picture", detail)
    return picture_of(row["png"])


@router.get("/forecasts/{version}", response_class=HTMLResponse, summary="A version as a page")
async def get_page(
    request: Request,
    version: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    parts: TheParts,
    until: Until = None,
    signature: Signature = None,
) -> Response:
    """What was published, what people changed, and how it did so far."""
    await let_in(request, parts, page_path(version), until, signature)
    ends = datetime.now(UTC) + timedelta(hours=parts.settings.gateway.link_hours)
    secret = links.secret_of(parts.settings)

    def picture(run_version: str, segment: str) -> str:
        return links.signed("", picture_path(run_version, segment), secret, ends)

    async with parts.pool.connection() as connection:
        try:
            found = await reading.read_forecast(
                connection, version, picture, segments=None, level=None, limit=SHOWN, cursor=0
            )
        except reading.UnknownVersion:
            text = "<h1>No such forecast</h1><p>There is no version of this name. Was the address cut off?</p>"
            return page("No such forecast", text, status=404)
        drawn = await connection.execute(
            "SELECT segment FROM forecasting.pictures JOIN forecasting.publications USING (run_version)"
            " WHERE version = %s",
            (version,),
        )
        pictures = {row["segment"] for row in await drawn.fetchall()}
        accuracy = await reading.read_accuracy(connection, version, None)
    steps = "".join(
        f"<tr><td>{escape(one.step)}</td><td>{_number(one.wape)}</td><td>{_number(one.mase, 2)}</td>"
        f"<td>{_number(one.bias)}</td><td>{_number(one.value_added)}</td></tr>"
        for one in (accuracy.steps if accuracy else ())
    )
    judged = (
        f"<h2>Against what came until {escape(accuracy.until)}</h2><table><tr><th>Step</th><th>WAPE %</th><th>MASE</th>"
        f"<th>Bias %</th><th>Better by</th></tr>{steps}</table>"
        if accuracy
        else ""
    )
    return page(f"Forecast {version}", _body(found, pictures) + judged, kind="long", pictures=True)


def _body(found: ForecastView, pictures: set[str]) -> str:
    unit = escape(found.unit)
    targets = ", ".join(f"{escape(one.target.upper())}: {escape(one.state)}" for one in found.targets) or "none yet"
    top = next(iter(found.segments), None)
    months = "" if top is None else _months(found.months, top)
    rows = "".join(_row(one) for one in found.segments)
    changed = "".join(
        f"<li>{escape(one.segment)}: {escape(one.override.reason)}, by {escape(one.override.by)}</li>"
        for one in found.segments
        if one.override is not None
    )
    shown = "".join(
        f'<p><img width="100%" alt="{escape(one.segment)}" src="{escape(one.picture)}"></p>'
        for one in found.segments
        if one.segment in pictures
    )
    rest = f"<p>The first {SHOWN} segments; <code>/v1/forecasts/{escape(found.version)}</code> has all.</p>"
    return (
        f"<h1>Forecast {escape(found.version)}</h1>"
        f"<p>{escape(found.organisation)}, {escape(found.months[0])} to {escape(found.months[-1])}, in {unit or 'units'}."
        f" Targets: {targets}.</p>{shown}{months}"
        f"<h2>Segments</h2><table><tr><th>Segment</th><th>Models</th><th>Published</th><th>Champion</th></tr>{rows}</table>"
        f"{rest if found.next_cursor is not None else ''}"
        + (f"<h2>What people changed</h2><ul>{changed}</ul>" if changed else "")
    )


def _months(months: list[str], top: SegmentView) -> str:
    rows = "".join(
        f"<tr><td>{escape(month)}</td><td>{_number(base)}</td><td>{_number(final)}</td>"
        f"<td>{_number(low)} to {_number(high)}</td></tr>"
        for month, base, final, low, high in zip(months, top.base, top.final, top.lo80, top.hi80, strict=True)
    )
    return (
        f"<h2>{escape(top.segment)}</h2><table><tr><th>Month</th><th>Models</th><th>Published</th>"
        f"<th>80 % interval</th></tr>{rows}</table>"
    )


def _row(one: SegmentView) -> str:
    return (
        f"<tr><td>{escape(one.segment)}</td><td>{_number(sum(one.base))}</td><td>{_number(sum(one.final))}</td>"
        f"<td>{escape(one.champion)}</td></tr>"
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "?" if value is None else f"{value:,.{digits}f}"
