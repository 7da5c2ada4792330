"""What the gateway answers about forecasts: the models behind HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from workers.gateway.problems import Problem

ReviewState = Literal["open", "published", "stopped", "failed", "withdrawn"]


class ForecastSummary(BaseModel):
    """One review of an organisation's forecast, and what came of it."""

    forecast_id: str
    organisation: str
    reason: str = Field(description="Why it was made: schedule, fresh_data, large_change, drift, by_hand.")
    asked_by: str
    state: ReviewState
    opened_at: datetime
    closed_at: datetime | None
    version: str | None = Field(description="The newest version composed in it; `/v1/forecasts/{version}` shows it.")
    in_use: list[str] = Field(description="Targets that got this version.")
    progress: str | None = Field(description="While models are fitted: what is done.")


class ForecastPage(BaseModel):
    """A part of a list, latest first."""

    forecasts: list[ForecastSummary]
    next_cursor: str | None = Field(description="Give it as `cursor` to get what follows; null: that was all.")


class OverrideView(BaseModel):
    """What a person changed of a segment."""

    values: dict[str, float] = Field(description="Month → figure.")
    reason: str
    by: str
    approved_by: str | None = Field(description="`rule`: nobody had to.")


class SegmentView(BaseModel):
    """One node: a bottom segment or a sum. One figure for each month of the version."""

    segment: str
    level: str
    champion: str = Field(description="The model chosen for it.")
    naive: list[float] = Field(description="Seasonal naive forecast.")
    model: list[float] = Field(description="The champion alone, before all was made to add up.")
    base: list[float] = Field(description="What the models say, adding up.")
    final: list[float] = Field(description="With what people changed, adding up.")
    lo80: list[float | None] = Field(description="Intervals belong to the base; null: no record to tell by.")
    hi80: list[float | None]
    lo95: list[float | None]
    hi95: list[float | None]
    override: OverrideView | None
    picture: str = Field(description="Address of a picture, where one was drawn; it opens without a token for a while.")


class Release(BaseModel):
    """Who let the version out, or sent it back."""

    choice: Literal["approve", "reject"]
    level: str
    decided_by: str
    comment: str
    decided_at: datetime


class TargetView(BaseModel):
    """How the version got on at a target; the last attempt."""

    target: str
    state: str
    why: str
    former_version: str | None
    asked_at: datetime
    settled_at: datetime | None


class ForecastView(BaseModel):
    """A composed version. It is immutable; release and targets tell what became of it."""

    version: str
    forecast_id: str
    organisation: str
    unit: str
    currency: str
    made_at: datetime
    months: list[str]
    facts: dict[str, Any] = Field(description="Totals, changes, overrides and conflicts.")  # Any: JSON
    card: dict[str, Any] = Field(description="What it was made from: data, plan, libraries, seed.")  # Any: JSON
    release: Release | None
    targets: list[TargetView]
    segments: list[SegmentView]
    next_cursor: int | None = Field(description="Give it as `cursor` for the segments that follow; null: that was all.")


class StepAccuracy(BaseModel):
    """Mean of the bottom segments' figures at one step; percent, but for MASE."""

    step: str
    segments: int
    wape: float | None
    mase: float | None
    bias: float | None = Field(description="Positive: forecast too high.")
    value_added: float | None = Field(description="Points of WAPE better than the step before.")
    cover80: float | None
    cover95: float | None


class ModelAccuracy(BaseModel):
    """Segments whose champion is this model: the model alone."""

    model: str
    segments: int
    wape: float | None
    mase: float | None
    value_added: float | None = Field(description="Points of WAPE better than the seasonal naive forecast.")


class PersonAccuracy(BaseModel):
    """Segments that this person changed."""

    person: str
    segments: int
    wape: float | None
    bias: float | None
    value_added: float | None = Field(description="Points of WAPE better than what the models said.")


class AccuracyView(BaseModel):
    """A version held against what came."""

    version: str
    until: str = Field(description="The last month with actuals.")
    judged_at: datetime
    steps: list[StepAccuracy]
    models: list[ModelAccuracy]
    people: list[PersonAccuracy]


class Change(BaseModel):
    """One segment in two versions, over the months that both have."""

    segment: str
    before: float
    after: float
    change_percent: float | None = Field(description="Null: it was zero before.")
    champion_before: str
    champion_after: str
    overridden_before: bool
    overridden_after: bool


class Comparison(BaseModel):
    """What changed between two versions of one organisation."""

    before: str
    after: str
    months: list[str]
    changes: list[Change] = Field(description="The largest first.")
    new_segments: list[str]
    gone_segments: list[str]


class ForecastAsked(BaseModel):
    """The review was asked for; its process does the rest."""

    forecast_id: str
    status: str


class SaleRefused(BaseModel):
    """A figure of a batch that was not taken."""

    index: int = Field(description="Its place in the batch, from 0.")
    problem: Problem


class SalesTaken(BaseModel):
    """What became of a batch of sales."""

    new: int
    changed: int
    same: int
    refused: int
    problems: list[SaleRefused]
