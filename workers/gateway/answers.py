"""What the gateway answers: the models behind HTTP and `fairlead leads`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from workers.gateway.problems import Problem

State = Literal[
    "received", "registered", "invalid", "merged", "triage", "queued", "assigned", "accepted", "manager",
    "discarded", "withdrawn",
]  # fmt: skip
FINISHED: frozenset[str] = frozenset({"merged", "accepted", "discarded", "withdrawn"})


class Accepted(BaseModel):
    """A lead that was taken."""

    lead_id: str
    external_id: str | None = None
    duplicate: bool = Field(description="The lead was there before (same source and external_id): nothing was started.")


class Refused(BaseModel):
    """A lead of a batch that was not taken."""

    index: int = Field(description="Its place in the batch, from 0.")
    external_id: str | None = None
    problem: Problem


class BatchAnswer(BaseModel):
    """What became of each lead of a batch. `results[i]` belongs to the i-th lead sent."""

    accepted: int
    duplicates: int = Field(description="How many of the accepted ones were there before.")
    refused: int
    results: list[Accepted | Refused]


class Noted(BaseModel):
    """The request was taken; the process does the rest."""

    lead_id: str
    status: str


class Person(BaseModel):
    """A rep."""

    id: str
    name: str | None = None
    email: str | None = None


class Account(BaseModel):
    """The account a lead was matched to."""

    id: str
    name: str
    owner: Person | None = None


class Sla(BaseModel):
    """Promised and kept times."""

    due_at: datetime | None = Field(description="When the present owner's answer is due.")
    overdue: bool
    breaches: int
    first_assigned_at: datetime | None
    assigned_at: datetime | None
    accepted_at: datetime | None
    seconds_to_assignment: float | None = Field(description="From received to first assigned.")


class AssignmentView(BaseModel):
    """One round of assignment."""

    round: int
    owner: Person
    pool: str | None = Field(description="The territory whose credits moved, if any did.")
    why: str
    assigned_at: datetime
    accepted_at: datetime | None
    released_at: datetime | None
    release_why: str | None


class Versions(BaseModel):
    """Which rules and models were at work."""

    process: str | None = Field(default=None, description="Id, version and version tag of the diagram.")
    decisions: list[str] = Field(default_factory=list, description="The same of the tables deployed with it.")
    model: str | None = Field(default=None, description="The scorer's model; null: the fallback table scored.")


class HumanTask(BaseModel):
    """A user task of the lead's process."""

    key: int
    element_id: str
    name: str
    state: str
    assignee: str | None = None
    candidate_groups: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    due_at: datetime | None = None
    completed_at: datetime | None = None


class HumanTasks(BaseModel):
    """The user tasks, as far as the engine could be asked."""

    known: bool
    note: str = ""
    tasks: list[HumanTask] = Field(default_factory=list)


class Entry(BaseModel):
    """One thing that happened."""

    at: datetime
    actor: str
    action: str
    why: str = ""
    element_id: str = ""
    process: str | None = Field(default=None, description="The version of the diagram that led here.")
    rules: str | None = Field(default=None, description="The version of the tables that decided.")
    model_version: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)  # Any: JSON


class LeadSummary(BaseModel):
    """A lead in a list."""

    lead_id: str
    source: str
    external_id: str | None
    state: State
    state_at: datetime
    received_at: datetime
    owner_id: str | None
    owner_name: str | None
    score: float | None
    band: str | None
    sla_due_at: datetime | None


class LeadPage(BaseModel):
    """A part of a list, latest first."""

    leads: list[LeadSummary]
    next_cursor: str | None = Field(description="Give it as `cursor` to get what follows; null: that was all.")


class LeadView(BaseModel):
    """All that is known of a lead."""

    lead_id: str
    source: str
    external_id: str | None
    state: State
    state_at: datetime
    received_at: datetime
    lead: dict[str, Any] = Field(description="Normalised, or as received while it isn't.")  # Any: JSON
    duplicate_of: str | None
    account: Account | None
    score: dict[str, Any] | None = Field(description="Value 0 to 1, band, reasons, source.")  # Any: JSON
    routing: dict[str, Any] | None = Field(description="Segment, territory, skills, and why.")  # Any: JSON
    owner: Person | None
    sla: Sla
    assignments: list[AssignmentView]
    converted: bool | None
    outcome_at: datetime | None
    process_instance_key: int | None
    versions: Versions
    human_tasks: HumanTasks
    timeline: list[Entry]
