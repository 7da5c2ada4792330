"""Bodies of requests about quotas."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", min_length=1, max_length=200)]


class QuotasIn(BaseModel):
    """Quotas that are asked for."""

    model_config = ConfigDict(extra="forbid")

    organisation: Text
    period: Text = Field(description="As the forecast names it, for instance `2027`.")


class AdjustmentIn(BaseModel):
    """Quotas of a published period that are set anew for some."""

    model_config = ConfigDict(extra="forbid")

    organisation: Text
    period: Text
    concerned: Annotated[list[Text], Field(min_length=1, max_length=500)] = Field(
        description="Reps and units whose quotas may move; all others keep theirs."
    )
    change_percent: float = Field(
        strict=True,
        ge=-1000,
        le=1000,
        allow_inf_nan=False,
        description="By how much their forecast or territory moved; a table decides by it.",
    )


class QuotasWithdrawal(BaseModel):
    """Why quotas are withdrawn."""

    model_config = ConfigDict(extra="forbid")

    why: Text = Field(description="Shown in the timeline; no personal data.")


class QuotasAsked(BaseModel):
    """What was asked for."""

    quota_id: str
    status: Literal["asked", "asked before", "withdrawal asked", "withdrawal asked before"]
