"""What the gateway answers about territories: the models behind HTTP."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from workers.territory_alignment.adapters.overview import AlignmentLine, OwnerLine, PublishedVersion

AlignmentState = Literal["open", "published", "stopped", "failed", "withdrawn"]


class AlignmentAsked(BaseModel):
    """The alignment was asked for; its process does the rest."""

    alignment_id: str
    status: str


class AlignmentList(BaseModel):
    """Alignments, the latest first."""

    alignments: list[AlignmentLine]


class VersionList(BaseModel):
    """Versions of an organisation, the newest first."""

    versions: list[PublishedVersion]


class TerritoryView(BaseModel):
    """A version with a part of its accounts."""

    version: PublishedVersion
    picture: str = Field(
        description="Maps of before and after; opens without a token for a while. Empty for who sees some teams only: it shows all."
    )
    accounts: list[OwnerLine]
    next_cursor: str | None = Field(description="Give it as `cursor` for the accounts that follow; null: that was all.")
