"""What the decision tables say of a lead, and what follows from it for whoever is to own it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from workers.lead_routing.domain.assignment import Choice, Demand
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account


@dataclass(frozen=True, slots=True)
class AnswerTime:
    """Working minutes until somebody is reminded, and until an answer is due."""

    remind: float
    due: float


@dataclass(frozen=True, slots=True)
class DecisionTime:
    """Working minutes until somebody is reminded, a decision is due, and it is escalated."""

    remind: float
    due: float
    escalate: float


@dataclass(frozen=True, slots=True)
class Routing:
    """The result of the decision `routing_decision`."""

    territory: str | None
    skills: Sequence[str] | None
    """None, which a table that collects gives without a hit, means none are required."""
    accept_sla: AnswerTime
    triage_sla: DecisionTime
    manager_sla: DecisionTime
    auto: bool
    segment: str | None = None
    why: Sequence[str] = field(default_factory=tuple)
    why_text: str = ""
    rules: str = ""
    """Which tables in which version, for instance "lead_routing_rules 1.0.0"."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The result of the decision `lead_paths`: which ways the process may take with a lead."""

    model_scoring: bool = True
    """Whether the model scores it; else the table does."""
    owner_acceptance: bool = True
    """Whether the owner is asked; else they have it without being asked."""
    why: Sequence[str] = field(default_factory=tuple)
    """Why a path is off, for people."""


def demand_of(
    routing: Routing,
    lead: Lead,
    account: Account | None,
    *,
    refused_by: Sequence[str],
    chosen_owner: str | None = None,
    chosen_by: Literal["triage", "manager"] | None = None,
) -> Demand:
    """What the lead needs of its owner. A choice of unknown origin counts as triage's, which may do less."""
    return Demand(
        territory=routing.territory,
        skills=frozenset(routing.skills or ()),
        language=lead.language,
        refused_by=frozenset(refused_by),
        account_owner=account.owner_id if account else None,
        choice=Choice(chosen_owner, chosen_by or "triage") if chosen_owner else None,
    )
