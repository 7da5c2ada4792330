"""Check collected sales against the declared rules."""

from __future__ import annotations

from workers.forecast_review.domain.history import Findings, History
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class CheckHistoryInput(Contract):
    """Which collection."""

    forecast_id: str
    collection: int
    history: History


class CheckHistoryOutput(Contract):
    """What was found; all of it is kept in the database."""

    findings: Findings


@task(business_id="forecast_id", effect="once", loop="collection", timeout_seconds=600)
async def check_history(given: CheckHistoryInput, ports: ForecastReviewPorts) -> CheckHistoryOutput:
    """Look for gaps, late data, outliers, negative values, level shifts and series that are too short or ended."""
    findings = await ports.history.check(given.history.history_id)
    await ports.work.note(
        "checked",
        f"{findings.errors} errors, {findings.warnings} warnings; {findings.repairable} values could be repaired.",
        history_id=given.history.history_id,
        by_rule={one.rule: one.count for one in findings.by_rule},
        share_affected=findings.share_affected,
        share_fresh=findings.share_fresh,
        share_repairable=findings.share_repairable,
        late_series=findings.late_series,
    )
    return CheckHistoryOutput(findings=findings)
