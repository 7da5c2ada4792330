"""Let a lead wait until somebody suitable may be free."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.lead_routing.bookkeeping import book_decision
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.domain.routing import Routing, demand_of
from workers.lead_routing.domain.score import Score
from workers.lead_routing.domain.suggestions import look_again
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class QueueLeadInput(Contract):
    """The lead, why nobody could have it, and how often it waited before."""

    lead_id: str
    queue_round: int = 0
    no_owner_why: str
    lead: Lead
    routing: Routing
    account: Account | None = None
    score: Score | None = None
    chosen_owner: str | None = None
    chosen_by: Literal["triage", "manager"] | None = None
    refused_by: list[str] = []  # noqa: RUF012 - pydantic copies it


class QueueLeadOutput(Contract):
    """How often it waited, this time included, and until when."""

    queue_round: int
    queue_retry_at: AwareDatetime


@task(business_id="lead_id", effect="once", loop="queue_round")
async def queue_lead(given: QueueLeadInput, ports: LeadRoutingPorts) -> QueueLeadOutput:
    """Wait for the next person who suits, at least a minute and at most an hour."""
    now = ports.clock()
    demand = demand_of(
        given.routing,
        given.lead,
        given.account,
        refused_by=given.refused_by,
        chosen_owner=given.chosen_owner,
        chosen_by=given.chosen_by,
    )
    retry_at = look_again(await ports.reps.next_chance(demand, now), now)
    await book_decision(ports, given.lead_id, given.routing, given.score)
    await ports.leads.set_state(given.lead_id, "queued")
    await ports.work.note(
        "queued", given.no_owner_why, queue_round=given.queue_round + 1, retry_at=retry_at.isoformat()
    )
    return QueueLeadOutput(queue_round=given.queue_round + 1, queue_retry_at=retry_at)
