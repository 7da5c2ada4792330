"""Prepare a person's decision about sales that cannot be forecast as they are: why it is asked for, and the choices."""

from __future__ import annotations

from typing import Literal

from workers.forecast_review.domain import showing
from workers.forecast_review.domain.history import Findings
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task

RepairChoice = Literal["repair", "as_is", "collect_again", "stop"]

_LABELS: dict[RepairChoice, str] = {
    "repair": "Repair by rule what can be repaired, and go on",
    "as_is": "Go on with the sales as they are",
    "collect_again": "Collect the sales again: I have corrected them",
    "stop": "Stop this review: the last forecast stays",
}


class RepairOption(Contract):
    """One line of the form's list."""

    label: str
    value: RepairChoice


class FindingRow(Contract):
    """One finding, as the form shows it."""

    series: str
    month: str
    text: str
    value: str
    repaired: str


class HistoryVerdict(Contract):
    """What the decision table says."""

    action: Literal["go_on", "repair", "ask"]
    why: str


class PrepareRepairInput(Contract):
    """What is known; which of it depends on the way that led here."""

    forecast_id: str
    organisation: str
    findings: Findings | None = None
    verdict: HistoryVerdict | None = None
    history_why: str | None = None
    """Why sales could not be collected, or not be forecast."""
    repair_sla: Sla


class PrepareRepairOutput(Contract):
    """What the form shows."""

    repair_why: str
    findings_text: str
    """Markdown list; empty if nothing was collected."""
    worst_findings: list[FindingRow]
    repair_choices: list[RepairOption]
    repair_deadlines: Deadlines


@task(business_id="forecast_id", effect="idempotent")
async def prepare_repair(given: PrepareRepairInput, ports: ForecastReviewPorts) -> PrepareRepairOutput:
    """Gather it; deadlines count from now. Where nothing can be forecast, going on is no choice."""
    findings = given.findings
    due = await deadlines(ports.book, given.organisation, given.repair_sla, ports.clock())
    why = given.verdict.why if findings and given.verdict else given.history_why or "The sales could not be used."
    choices: list[RepairChoice] = ["collect_again", "stop"]
    if findings is not None and given.history_why is None:
        choices = ["repair", "as_is", *choices] if findings.repairable else ["as_is", *choices]
    await ports.work.note("repair_asked", why, audience="sales-ops", due_at=due.due_at.isoformat())
    return PrepareRepairOutput(
        repair_why=why,
        findings_text=showing.findings_text(findings),
        worst_findings=[FindingRow(**row) for row in showing.finding_rows(findings)],
        repair_choices=[RepairOption(label=_LABELS[choice], value=choice) for choice in choices],
        repair_deadlines=due,
    )
