"""Look whether the leads, or how many of them convert, moved away from what the active model was proven on."""

from __future__ import annotations

from workers.lead_routing.domain.upkeep import CHECKED, Drift
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class CheckDriftInput(Contract):
    """Which scorer, and the limits that stand in the diagram."""

    scorer_id: str
    schema_name: str
    check_id: str
    asked_by: str
    drift_window: int
    """Newest recorded outcomes to look at, in rows."""
    quiet_days: float
    """How long a person's decision to keep a drifted model holds."""


class CheckDriftOutput(Contract):
    """What was found."""

    drift: Drift
    attempt: str
    """Tells apart what is done after this check, and again after each decision of a person."""


@task(business_id="scorer_id", effect="once", loop="check_id", timeout_seconds=600)
async def check_drift(given: CheckDriftInput, ports: LeadRoutingPorts) -> CheckDriftOutput:
    """Measure label rate, calibration and PSI on the newest outcomes, and say them in the scorer's timeline."""
    drift = await ports.upkeep.check(
        given.schema_name, rows=given.drift_window, quiet_days=given.quiet_days, now=ports.clock()
    )
    await ports.work.note(
        CHECKED,
        f"{drift.words}\n\n{drift.advice}",
        model_version=drift.model_version,
        enough=drift.enough,
        drifted=drift.drifted,
        age_days=drift.age_days,
        rows=drift.rows,
        label_rate=drift.label_rate,
        calibration=drift.calibration,
        largest_psi=drift.largest_psi,
        asked_by=given.asked_by,
        checked_at=ports.clock().isoformat(),
    )
    return CheckDriftOutput(drift=drift, attempt=f"{given.check_id}/1")
