"""An organisation whose territories are aligned, and one alignment of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

Reason = Literal["yearly", "rep_left", "rep_joined", "by_hand"]
"""Why an alignment was asked for."""

State = Literal["open", "published", "stopped", "failed", "withdrawn"]
"""Of an alignment. ``stopped``: a person stopped it; ``failed``: published nowhere, as a target refused."""

LIVE: tuple[Reason, ...] = ("rep_left", "rep_joined")
"""Reasons for which as little as can be is changed of what is in force."""


@dataclass(frozen=True, slots=True)
class Region:
    """What one manager answers for."""

    region: str
    manager: str
    """Log-in; empty: anybody of the group."""
    email: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whose accounts are given to whom."""

    id: str
    name: str
    currency: str
    """Of potentials; ISO 4217, or empty."""
    timezone: str
    """IANA name."""
    holidays: str
    """Country code of the public holidays, as the `holidays` library knows it."""
    weights: Mapping[str, float]
    """What differs from the solver's default."""
    seconds: float
    """For the search."""
    targets: tuple[str, ...]
    """Where territories are published."""
    people: Mapping[str, tuple[str, ...]]
    """Addresses of the groups that are told: ``sales-ops``, ``sales-managers``, …"""


@dataclass(frozen=True, slots=True)
class Alignment:
    """One alignment of an organisation's territories."""

    alignment_id: str
    organisation: str
    reason: Reason
    asked_by: str
    state: State
    plan_version: str | None
    """The plan that is on the table; None: nothing was planned yet."""


def alignment_id_of(organisation: str, moment: datetime) -> str:
    """The business id of an alignment that is asked for at a moment (UTC): ``north-20261126T013000``."""
    return f"{organisation}-{moment:%Y%m%dT%H%M%S}"


def day_of(text: str | None, now: datetime, timezone: str) -> date:
    """A day that people wrote as ``2027-01-01``; nothing or something else is today, and so is a day that has passed."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    try:
        found = date.fromisoformat(text) if text else today
    except ValueError:
        found = today
    return max(found, today)


def midnight(day: date, timezone: str) -> datetime:
    """When a day begins in a timezone, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def names_of(text: str | None) -> tuple[str, ...]:
    """Ids that people wrote one after the other, blanks or commas between them; each once."""
    return tuple(dict.fromkeys((text or "").replace(",", " ").split()))
