"""Prepare a person's decision: whom to suggest, and until when to decide."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.lead_routing.bookkeeping import book_decision, note_decision
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.domain.routing import DecisionTime, Routing, demand_of
from workers.lead_routing.domain.score import Score
from workers.lead_routing.domain.suggestions import Suggestion
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class SuggestOwnersInput(Contract):
    """The lead, what was decided on it, and who is to decide in how many working minutes."""

    lead_id: str
    lead: Lead
    routing: Routing
    account: Account | None = None
    score: Score | None = None
    refused_by: list[str] = []  # noqa: RUF012 - pydantic copies it
    audience: Literal["sales-ops", "sales-managers"]
    task_sla: DecisionTime


class DecisionDeadlines(Contract):
    """Moments in the office hours of the territory's team, or of the sales organisation."""

    remind_at: AwareDatetime
    due_at: AwareDatetime
    escalate_at: AwareDatetime


class SuggestOwnersOutput(Contract):
    """What the form shows."""

    suggested_owners: list[Suggestion]
    decision_deadlines: DecisionDeadlines


@task(business_id="lead_id", effect="idempotent")
async def suggest_owners(given: SuggestOwnersInput, ports: LeadRoutingPorts) -> SuggestOwnersOutput:
    """List the best owners with their load of now, and say in the book who is to decide."""
    now = ports.clock()
    by: Literal["triage", "manager"] = "triage" if given.audience == "sales-ops" else "manager"
    demand = demand_of(given.routing, given.lead, given.account, refused_by=given.refused_by)
    suggested = await ports.reps.suggestions(demand, now, by)
    calendar = await ports.reps.team_calendar(given.routing.territory)
    sla = given.task_sla
    due = calendar.deadlines(now, {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate})
    await book_decision(ports, given.lead_id, given.routing, given.score)
    await ports.leads.set_state(given.lead_id, by)
    if by == "triage":
        await note_decision(ports, given.routing, given.score)
    await ports.work.note(
        "asked",
        f"A person of {given.audience} is to decide.",
        audience=given.audience,
        suggested=[each.value for each in suggested],
        due_at=due["due_at"].isoformat(),
    )
    return SuggestOwnersOutput(
        suggested_owners=suggested,
        decision_deadlines=DecisionDeadlines(
            remind_at=due["remind_at"], due_at=due["due_at"], escalate_at=due["escalate_at"]
        ),
    )
