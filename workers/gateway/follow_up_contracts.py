"""What clients send and get about promised contacts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.gateway.contracts import AwareMoment, Text200, Text500

Channel = Literal["call", "mail", "meeting", "visit"]
FollowUpState = Literal["open", "done", "late", "dropped", "missed", "cancelled"]


_Name = Annotated[Text200, Field(min_length=1)]


class FollowUpIn(BaseModel):
    """A contact that a rep promised to a lead or about an opportunity. The same content is the same promise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject_kind: Literal["lead", "opportunity"]
    subject_id: _Name = Field(description="Of the lead, or of the opportunity in the CRM.")
    rep_id: _Name = Field(description="Who promised it.")
    contact: _Name = Field(description="Whom: a person or a company.")
    channel: Channel = "call"
    promised_for: AwareMoment = Field(description="By when; with an offset from UTC.")
    note: Text500 = ""


class ContactMade(BaseModel):
    """What came of a promised contact."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    result: Literal["reached", "left_message", "next_step", "not_interested"]
    by: _Name = Field(description="Log-in of who made it.")
    note: Text500 = ""


class FollowUpCancellation(BaseModel):
    """Why a promise is not wanted any more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: Text500 = Field(min_length=1, description="Kept with the request; no personal data.")


class FollowUpAsked(BaseModel):
    """What became of the request."""

    follow_up_id: str
    status: str


class FollowUpChange(BaseModel):
    """It was put off or passed on."""

    kind: Literal["postpone", "reassign"]
    reason: str
    by: str
    before: str
    after: str
    changed_at: datetime


class FollowUpView(BaseModel):
    """A promise, and what became of it."""

    follow_up_id: str
    subject_kind: str
    subject_id: str
    rep_id: str = Field(description="Who has it now.")
    contact: str
    channel: str
    promised_for: datetime
    due_at: datetime = Field(description="After postponements.")
    note: str
    state: FollowUpState = Field(description="`late`: made after the promised time; `missed`: never made.")
    result: str
    contacted_by: str
    opened_at: datetime
    escalated_at: datetime | None = Field(description="When the manager was told that it is overdue.")
    closed_at: datetime | None
    changes: list[FollowUpChange] = Field(default_factory=list, description="The oldest first; empty in lists.")


class FollowUpPage(BaseModel):
    """Promises, those due first in front."""

    follow_ups: list[FollowUpView]
