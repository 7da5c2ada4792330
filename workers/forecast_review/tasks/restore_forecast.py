"""Have a target go back to what it had before `publish_forecast`."""

from __future__ import annotations

from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class RestoreForecastInput(Contract):
    """Which publication is undone."""

    forecast_id: str
    release_key: str


class RestoreForecastOutput(Contract):
    """Whether there was anything to undo."""

    forecast_restored: bool


@task(business_id="forecast_id", effect="once", loop="release_key", undoes="publish_forecast", after_close=True)
async def restore_forecast(given: RestoreForecastInput, ports: ForecastReviewPorts) -> RestoreForecastOutput:
    """Undo the recorded change, behind it in the outbox; the target knows what was there before, and keeps a version
    that somebody published since.
    """
    recorded = await ports.work.recorded()
    if recorded is None:
        return RestoreForecastOutput(forecast_restored=False)
    await ports.publication.recall(recorded["version"], recorded["target"], recorded["change_id"])
    await ports.work.note(
        "recalled", f"The {recorded['target'].upper()} goes back to its former version.", undone=recorded["version"]
    )
    return RestoreForecastOutput(forecast_restored=True)
