"""What clients send and get about rankings of opportunities."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.gateway.contracts import Text200, Text500

PrioritisationState = Literal["open", "done", "nothing", "withdrawn"]


class PrioritisationIn(BaseModel):
    """Whose open opportunities are to be ranked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organisation: Text200


class PrioritisationWithdrawal(BaseModel):
    """Why a ranking is withdrawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: Text500 = Field(min_length=1, description="Kept with the request; no personal data.")


class PrioritisationAsked(BaseModel):
    """What became of the request."""

    prioritisation_id: str
    status: str


class RankedOpportunity(BaseModel):
    """An opportunity and its place."""

    opportunity_id: str
    name: str
    customer: str
    rep_id: str
    place: int | None = Field(description="On the rep's list, from 1; null: not today.")
    chance: float | None = Field(description="To be won, 0 to 1.")
    amount: float = Field(description="EUR.")
    expected_value: float | None = Field(description="Of acting now, EUR.")
    action: str | None
    why: str | None = Field(description="Markdown list.")
    said: Literal["done", "promised", "skip", "later"] | None
    said_why: str


class PrioritisationView(BaseModel):
    """A ranking, and what reps did with it."""

    prioritisation_id: str
    organisation: str
    asked_by: str
    state: PrioritisationState
    chances_from: str | None = Field(description="Version of the win model, or `table`.")
    opened_at: datetime
    closed_at: datetime | None
    opportunities: list[RankedOpportunity] = Field(description="By rep and place; those without a place last.")
