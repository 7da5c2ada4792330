"""Keep what the decision table said of a page of segments."""

from __future__ import annotations

from workers.forecast_review.domain.needs import Need
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class NoteNeedsInput(Contract):
    """What was said."""

    forecast_id: str
    forecast: Run
    page_key: str
    """``<collection>/<page>``: after another collection the same page is noted anew."""
    needs: list[Need]


class NoteNeedsOutput(Contract):
    """How many of the page should be reviewed."""

    needed: int


@task(business_id="forecast_id", effect="once", loop="page_key")
async def note_needs(given: NoteNeedsInput, ports: ForecastReviewPorts) -> NoteNeedsOutput:
    """Store them beside the facts."""
    await ports.needs.note(given.forecast_id, given.forecast.version, given.needs)
    return NoteNeedsOutput(needed=sum(need.review for need in given.needs))
