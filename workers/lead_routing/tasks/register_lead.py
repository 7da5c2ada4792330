"""Take a lead into the book: uniform, checked, and known as new or as somebody asking twice."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from workers.lead_routing.domain.duplicates import find_twin, keys_of
from workers.lead_routing.domain.lead import Lead, Problem, normalise
from workers.lead_routing.domain.score import as_list
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class Corrected(Contract):
    """What a person corrected: None or an empty text clears a field, one that is not there stays as it was."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    country: str | None = None
    language: str | None = None


class CorrectionSla(Contract):
    """Working minutes until somebody is reminded, the task is due, and it is escalated."""

    remind: float
    due: float
    escalate: float


class CorrectionDeadlines(Contract):
    """Moments in the working time of the sales organisation."""

    remind_at: datetime
    due_at: datetime
    escalate_at: datetime


class RegisterLeadInput(Contract):
    """Which lead, and how often it was corrected before."""

    lead_id: str
    revision: int = 0
    corrected: Corrected | None = None
    correction_sla: CorrectionSla


class RegisterLeadOutput(Contract):
    """The uniform lead and what it turned out to be."""

    registration: Literal["new", "duplicate", "invalid"]
    lead: Lead
    duplicate_of: str | None
    problems: list[Problem]
    problems_text: str
    """Markdown list."""
    revision: int
    correction_deadlines: CorrectionDeadlines | None
    """Set if the lead is invalid."""


@task(business_id="lead_id", effect="once", loop="revision")
async def register_lead(given: RegisterLeadInput, ports: LeadRoutingPorts) -> RegisterLeadOutput:
    """Normalise, check, and look for a twin; of two twins registered at the same moment exactly one is new."""
    received = await ports.leads.received(given.lead_id)
    raw = {"source": received.source, **received.raw}
    normalised = normalise(raw, given.corrected.model_dump(exclude_unset=True) if given.corrected else None)
    lead, problems = normalised.lead, list(normalised.problems)
    keys = keys_of(lead)
    twin = None
    if not problems:
        await ports.leads.lock_twins(keys)
        twin = find_twin(lead, keys, await ports.leads.possible_twins(received, keys))
    await ports.leads.register(
        given.lead_id,
        lead,
        keys,
        state="invalid" if problems else "registered",
        duplicate_of=twin.lead_id if twin else None,
    )
    deadlines = None
    if problems:
        calendar = await ports.reps.team_calendar(None)
        deadlines = CorrectionDeadlines.model_validate(
            {
                f"{name}_at": at
                for name, at in calendar.deadlines(ports.clock(), given.correction_sla.model_dump()).items()
            }
        )
        fields = ", ".join(sorted({problem.field for problem in problems}))
        await ports.work.note("invalid", f"To be corrected: {fields}.", fields=fields, revision=given.revision)
    elif twin:
        await ports.work.note("duplicate", twin.why, rule=twin.rule, duplicate_of=twin.lead_id)
    else:
        await ports.work.note("registered", "Nobody has asked twice.", source=received.source)
    return RegisterLeadOutput(
        registration="invalid" if problems else "duplicate" if twin else "new",
        lead=lead,
        duplicate_of=twin.lead_id if twin else None,
        problems=problems,
        problems_text=as_list(problem.problem for problem in problems),
        revision=given.revision + 1,
        correction_deadlines=deadlines,
    )
