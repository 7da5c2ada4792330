"""What clients send about territories."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workers.gateway.contracts import Day, Text200, Text500
from workers.territory_alignment.domain.organisation import Reason

Rep = Annotated[Text200, Field(pattern=r"^[^\s,]+$")]


class AlignmentIn(BaseModel):
    """Whose territories are to be aligned, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organisation: Text200
    reason: Reason = Field(
        default="by_hand",
        description="With `rep_left` and `rep_joined` as little as can be of what is published changes.",
    )
    leaving: list[Rep] = Field(default=[], max_length=100, description="Reps who leave, by id.")
    joining: list[Rep] = Field(default=[], max_length=100, description="Reps who join, by id; they are loaded.")
    effective_from: Day | None = Field(default=None, description="A day; null: at once.")


class TerritoryWithdrawal(BaseModel):
    """Why an alignment is withdrawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: Text500 = Field(min_length=1, description="Kept with the request; no personal data.")
