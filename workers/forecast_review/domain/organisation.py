"""An organisation whose sales are forecast, and one review of its forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Reason = Literal["schedule", "fresh_data", "large_change", "drift", "by_hand"]
"""Why a review was asked for."""

State = Literal["open", "published", "stopped", "failed", "withdrawn"]
"""Of a review. ``stopped``: a person stopped it; ``failed``: published nowhere, as a target refused."""

Source = Literal["store", "erp"]
"""Where sales are collected from: table forecasting.sales, or the ERP."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """What is forecast, for whom, and when."""

    id: str
    name: str
    levels: tuple[str, ...]
    """What the parts of a segment's path are called, top-down."""
    groups: tuple[tuple[str, ...], ...]
    """Further sums across the hierarchy: each a choice of levels."""
    unit: str
    """Of the values, such as ``homes`` or ``million AUD``."""
    currency: str
    """ISO 4217, or empty where the unit is no money."""
    horizon: int
    """Months ahead."""
    source: Source
    schedule: str
    """Cron expression of the reviews that start by themselves; empty: none do."""
    timezone: str
    """IANA name."""
    holidays: str
    """Country code of the public holidays, as the `holidays` library knows it."""
    targets: tuple[str, ...]
    """Where the forecast is published."""
    people: Mapping[str, tuple[str, ...]]
    """Addresses of the groups that are told: ``sales-ops``, ``sales-managers``, …"""


@dataclass(frozen=True, slots=True)
class Review:
    """One review of an organisation's forecast."""

    forecast_id: str
    organisation: str
    reason: Reason
    asked_by: str
    state: State
    opened_at: datetime


def forecast_id_of(organisation: str, moment: datetime) -> str:
    """The business id of a review that is asked for at a moment (UTC): ``texas_housing-20261126T013000``."""
    return f"{organisation}-{moment:%Y%m%dT%H%M%S}"
