"""An organisation that has quotas, and one review of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Reason = Literal["by_hand", "schedule", "adjustment"]
"""Why quotas were asked for. ``adjustment``: within a published period, for those concerned only."""

State = Literal["open", "published", "stopped", "failed", "withdrawn"]
"""Of a review. ``stopped``: a person or the table did; ``failed``: published nowhere, as a target refused."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whose quotas are set."""

    id: str
    name: str
    currency: str
    """ISO 4217."""
    timezone: str
    """IANA name."""
    holidays: str
    """Country code of the public holidays, as the `holidays` library knows it."""
    targets: tuple[str, ...]
    people: Mapping[str, tuple[str, ...]]
    """Addresses of the groups that are told: ``sales-ops``, ``sales-managers``, …"""
    rules: Mapping[str, Any]  # Any: JSON
    """See `planning.rules.Rules`; the period is the review's."""
    forecast_of: str | None
    """Whose published forecast counts; None: that of the table ``forecast``."""
    territories_of: str | None = None
    """Whose published territories count, once there are any; None: those of the table ``territories``."""


@dataclass(frozen=True, slots=True)
class Review:
    """One review of an organisation's quotas."""

    quota_id: str
    organisation: str
    period: str
    reason: Reason
    asked_by: str
    concerned: tuple[str, ...]
    """Reps and units whose quotas may move; empty: all."""
    state: State
    version: str | None
    """The plan as it is now."""
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class AdjustmentFacts:
    """What decides whether quotas are set anew within a period."""

    published: bool
    """Quotas of this period are."""
    adjustments: int
    """Of the period so far."""
    days_since: float | None
    """Since quotas of the period were last published; None: never."""
    change_percent: float
    """By which the forecast or territory moved that made somebody ask; no sign."""
    concerned: int
    """Reps and units that were named."""


def quota_id_of(organisation: str, moment: datetime) -> str:
    """The business id of a review that is asked for at a moment (UTC): ``field-20261126T013000``."""
    return f"{organisation}-{moment:%Y%m%dT%H%M%S}"


def adjustment_id_of(
    organisation: str, moment: datetime, period: str, concerned: Sequence[str], change_percent: float
) -> str:
    """The same for an adjustment: ``field-20261126T013000-3f9c2a``, as several are asked for in one second.

    A forecast that moves in two regions asks for two; the same one asked for twice in that second has the same id.
    """
    asked = json.dumps([period, sorted(concerned), change_percent]).encode()
    return f"{quota_id_of(organisation, moment)}-{hashlib.sha256(asked).hexdigest()[:6]}"
