"""What clients send about forecasts and sales: shape and types, and whether a figure can belong to the organisation."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from workers.forecast_review.domain.composing import ACROSS, SEPARATOR, TOTAL
from workers.gateway.contracts import Text200, Text500

MAX_SALES = 10_000
"""Figures in a batch."""

MONTH = r"^[12][0-9]{3}-(0[1-9]|1[0-2])$"
"""As ``2026-01``."""


def _month(text: str) -> str:
    if not re.fullmatch(MONTH, text):
        raise ValueError("must be a month such as 2026-01")
    return text


def _path(text: str) -> str:
    parts = text.split(SEPARATOR)
    if any(not part.strip() or part == ACROSS for part in parts) or text == TOTAL:
        raise ValueError(f"must be the path of a segment below all sums, its parts joined by {SEPARATOR}")
    return text


class SaleIn(BaseModel):
    """What was sold of one bottom segment in one month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    segment: Annotated[Text200, AfterValidator(_path)] = Field(
        description="Its path, `/` between the levels, for instance `north/shop 1`."
    )
    month: Annotated[str, Field(strict=True), AfterValidator(_month)] = Field(
        description="As `2026-01`.", json_schema_extra={"pattern": MONTH}
    )
    value: Annotated[float, Field(strict=True, ge=-1e15, le=1e15, allow_inf_nan=False)] = Field(
        description="In the organisation's unit."
    )

    @property
    def first_day(self) -> date:
        """The month's."""
        return date.fromisoformat(f"{self.month}-01")


class ReviewIn(BaseModel):
    """Whose forecast is to be made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organisation: Text200


class ForecastWithdrawal(BaseModel):
    """Why a review is withdrawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: Text500 = Field(min_length=1, description="Kept with the request; no personal data.")
