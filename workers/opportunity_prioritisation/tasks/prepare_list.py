"""Prepare a rep's list for today: what the form shows, and until when."""

from __future__ import annotations

from workers.opportunity_prioritisation.domain.lists import AnswerRow, ListDeadlines, RepList, ShownRow, WorkList
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.opportunity_prioritisation.ports.lists import Row
from workers.runtime.task import Contract, task


class ListSla(Contract):
    """Working minutes of the rep until each."""

    remind: float
    due: float
    escalate: float
    close: float


class PrepareListInput(Contract):
    """Whose list."""

    prioritisation_id: str
    rep_list: RepList
    list_sla: ListSla
    list_problem: str | None = None


class PrepareListOutput(Contract):
    """What the form shows, and until when."""

    work_list: WorkList
    list_deadlines: ListDeadlines


@task(business_id="prioritisation_id", effect="idempotent")
async def prepare_list(given: PrepareListInput, ports: PrioritisationPorts) -> PrepareListOutput:
    """Deadlines count from now in the rep's own working time."""
    rep = await ports.lists.rep(given.rep_list.rep_id)
    rows = await ports.lists.rows(given.prioritisation_id, rep.id)
    minutes, value = sum(row.minutes for row in rows), sum(row.expected_value for row in rows)
    sla = given.list_sla
    due = rep.calendar.deadlines(
        ports.clock(),
        {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate, "close_at": sla.close},
    )
    return PrepareListOutput(
        work_list=WorkList(
            title=f"Today's opportunities: {rep.name}",
            summary=f"**{len(rows)}** opportunities, about **{minutes:.0f}** minutes, **{value:,.0f}** EUR expected from "
            "acting now.",
            # No list within a list: Tasklist numbers the lines of both through.
            why="\n\n".join(f"**{row.place}. {row.name}**\n\n{row.why}" for row in rows),
            problem=given.list_problem or "",
            rows=[_shown(row) for row in rows],
            answers=[AnswerRow(row.opportunity_id, row.name, row.action) for row in rows],
        ),
        list_deadlines=ListDeadlines(**due),
    )


def _shown(row: Row) -> ShownRow:
    return ShownRow(
        opportunity=row.name,
        amount=f"{row.amount:,.0f}",
        chance=f"{row.chance:.0%}",
        value=f"{row.expected_value:,.0f}",
        action=row.action,
        minutes=f"{row.minutes:.0f}",
    )
