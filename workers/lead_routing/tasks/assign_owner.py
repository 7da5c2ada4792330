"""Give the lead to an owner: a person's choice, the account's owner, or whose turn it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from workers.lead_routing.bookkeeping import book_decision, note_decision
from workers.lead_routing.domain.assignment import Decision, NobodyEligible
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.domain.routing import Routing, demand_of
from workers.lead_routing.domain.score import Score
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.errors import BusinessError
from workers.runtime.task import Contract, task


class NoEligibleOwner(BusinessError):
    """Nobody may have the lead now; it waits in the queue."""

    code: ClassVar[str] = "no_eligible_owner"


class AssignOwnerInput(Contract):
    """The lead, what was decided on it, and whom a person chose, if one did."""

    lead_id: str
    round: int = 0
    """How often the lead was refused before."""
    lead: Lead
    routing: Routing
    account: Account | None = None
    score: Score | None = None
    chosen_owner: str | None = None
    chosen_by: Literal["triage", "manager"] | None = None
    refused_by: list[str] = []  # noqa: RUF012 - pydantic copies it
    received_at: AwareDatetime


class Assignment(Contract):
    """Who owns the lead now."""

    owner_id: str
    owner_name: str
    owner_email: str
    owner_login: str
    why: str
    assigned_at: AwareDatetime
    territory: str | None


class AcceptanceDeadlines(Contract):
    """Moments in the owner's own working time."""

    remind_at: AwareDatetime
    due_at: AwareDatetime


class AssignOwnerOutput(Contract):
    """The assignment and until when its owner should answer."""

    round: int
    """As given: it exists from here on, for the tasks and handlers of this round."""
    assignment: Assignment
    acceptance_deadlines: AcceptanceDeadlines


def _due(given: AssignOwnerInput) -> datetime:
    """By the clock, though the answer is due in working time: whoever has the lead should have it before that."""
    return given.received_at + timedelta(minutes=given.routing.accept_sla.due)


@task(business_id="lead_id", effect="once", loop="round", errors=(NoEligibleOwner,), due=_due)
async def assign_owner(given: AssignOwnerInput, ports: LeadRoutingPorts) -> AssignOwnerOutput:
    """Decide and book in one transaction.

    Raises:
        NoEligibleOwner: nobody may have it now; the variable `no_owner_why` says why.
        AlreadyAssigned: the lead has an owner.
    """
    now = ports.clock()
    demand = demand_of(
        given.routing,
        given.lead,
        given.account,
        refused_by=given.refused_by,
        chosen_owner=given.chosen_owner,
        chosen_by=given.chosen_by,
    )
    try:
        decision = await ports.reps.assign(given.lead_id, given.round, demand, now)
    except NobodyEligible as nobody:
        raise NoEligibleOwner(str(nobody), variables={"no_owner_why": str(nobody)}) from nobody
    owner = decision.rep
    sla = given.routing.accept_sla
    due = owner.calendar.deadlines(now, {"remind_at": sla.remind, "due_at": sla.due})
    await book_decision(ports, given.lead_id, given.routing, given.score)
    await ports.leads.set_owner(given.lead_id, owner.id, now, due["due_at"])
    if given.round == 0 and given.chosen_by != "triage":  # else it was said before
        await note_decision(ports, given.routing, given.score)
    await _note(given, decision, ports, after_seconds=(now - given.received_at).total_seconds())
    # What the undo gives back is in routing.assignments; this says the same to whoever reads the effects.
    ports.work.record(owner_id=owner.id, pool=decision.pool, credits=dict(decision.changes))
    return AssignOwnerOutput(
        round=given.round,
        assignment=Assignment(
            owner_id=owner.id,
            owner_name=owner.name,
            owner_email=owner.email,
            owner_login=owner.login,
            why=decision.why,
            assigned_at=now,
            territory=given.routing.territory,
        ),
        acceptance_deadlines=AcceptanceDeadlines(remind_at=due["remind_at"], due_at=due["due_at"]),
    )


async def _note(given: AssignOwnerInput, decision: Decision, ports: LeadRoutingPorts, *, after_seconds: float) -> None:
    await ports.work.note(
        "assigned",
        decision.why,
        owner=decision.rep.id,
        rule=decision.rule,
        round=given.round,
        pool=decision.pool,
        share=decision.share,
        credits=dict(decision.credits),
        overrides=[obstacle.name.lower() for obstacle in decision.overrides],
        chosen_by=given.chosen_by,
        after_seconds=round(after_seconds, 3),
    )
