"""Prepare a person's decision about accounts, reps and rules that cannot be used as they are."""

from __future__ import annotations

from typing import Literal

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.collection import SHOWN, Collected
from workers.territory_alignment.domain.showing import bullets
from workers.territory_alignment.ports import TerritoryAlignmentPorts

DataChoice = Literal["leave_out", "collect_again", "stop"]

_LABELS: dict[DataChoice, str] = {
    "leave_out": "Go on without these rows",
    "collect_again": "Collect again: the data has been repaired",
    "stop": "Stop: the territories stay as they are",
}


class DataOption(Contract):
    """One line of the form's list."""

    label: str
    value: DataChoice


class ProblemRow(Contract):
    """One problem, as the form shows it."""

    subject: str
    rule: str
    text: str


class DataVerdict(Contract):
    """What the decision table says."""

    action: Literal["go_on", "ask"]
    why: str


class PrepareDataDecisionInput(Contract):
    """What was found."""

    alignment_id: str
    organisation: str
    collected: Collected
    data_verdict: DataVerdict
    data_sla: Sla


class PrepareDataDecisionOutput(Contract):
    """What the form shows, and until when to decide."""

    data_text: str
    data_problems: list[ProblemRow]
    """The first ones."""
    data_choices: list[DataOption]
    data_deadlines: Deadlines


@task(business_id="alignment_id", effect="idempotent")
async def prepare_data_decision(
    given: PrepareDataDecisionInput, ports: TerritoryAlignmentPorts
) -> PrepareDataDecisionOutput:
    """Gather it; deadlines count from now."""
    found = given.collected
    problems = await ports.data.problems(found.collection_id, SHOWN)
    possible: list[DataChoice] = ["collect_again", "stop"]
    if found.usable and not found.unknown_reps:
        possible.insert(0, "leave_out")
    counted = [f"{one.rule.replace('_', ' ')}: {one.count}" for one in found.by_rule]
    return PrepareDataDecisionOutput(
        data_text=f"{given.data_verdict.why}\n\n{bullets(counted)}".strip(),
        data_problems=[ProblemRow(subject=one.subject, rule=one.rule, text=one.text) for one in problems],
        data_choices=[DataOption(label=_LABELS[choice], value=choice) for choice in possible],
        data_deadlines=await deadlines(ports.book, given.organisation, given.data_sla, ports.clock()),
    )
