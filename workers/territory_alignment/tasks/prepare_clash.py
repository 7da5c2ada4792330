"""Prepare a person's decision where there is no plan: which rules clash, or what ran out, and what can be done."""

from __future__ import annotations

from typing import Literal

from workers.office.deadlines import Deadlines, Sla, deadlines
from workers.runtime.task import Contract, task
from workers.territory_alignment.ports import TerritoryAlignmentPorts

ClashKind = Literal["rules", "time", "input"]
ClashChoice = Literal["drop", "leave_out", "more_time", "collect_again", "stop"]

_LABELS: dict[ClashChoice, str] = {
    "drop": "Drop one of the rules, and plan again",
    "leave_out": "Plan without the accounts that nobody may have",
    "more_time": "Search again, twice as long",
    "collect_again": "Collect again: data or rules have been changed",
    "stop": "Stop: the territories stay as they are",
}
_POSSIBLE: dict[ClashKind, list[ClashChoice]] = {
    "rules": ["drop", "leave_out", "collect_again", "stop"],
    "time": ["more_time", "collect_again", "stop"],
    "input": ["collect_again", "stop"],
}


class ClashOption(Contract):
    """One line of the form's list."""

    label: str
    value: ClashChoice


class ClashRule(Contract):
    """A rule that could be dropped."""

    label: str
    value: str
    """``kind:subject``."""


class PrepareClashInput(Contract):
    """Why there is no plan."""

    alignment_id: str
    organisation: str
    clash_why: str
    clash_kind: ClashKind
    clash_rules: list[ClashRule]
    clash_sla: Sla


class PrepareClashOutput(Contract):
    """What the form shows, and until when to decide."""

    clash_choices: list[ClashOption]
    clash_deadlines: Deadlines


@task(business_id="alignment_id", effect="idempotent")
async def prepare_clash(given: PrepareClashInput, ports: TerritoryAlignmentPorts) -> PrepareClashOutput:
    """Offer what fits the reason; deadlines count from now."""
    possible = [one for one in _POSSIBLE[given.clash_kind] if one != "drop" or given.clash_rules]
    return PrepareClashOutput(
        clash_choices=[ClashOption(label=_LABELS[choice], value=choice) for choice in possible],
        clash_deadlines=await deadlines(ports.book, given.organisation, given.clash_sla, ports.clock()),
    )
