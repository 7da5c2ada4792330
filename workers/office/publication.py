"""Publishing a version to several targets: one attempt at each, what it said, and what is to be done then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Target = Literal["crm", "erp", "routing"]
"""A system that works with what is published."""

SendingState = Literal["pending", "delivered", "refused", "restored"]
"""``restored``: the target works with what it had before, or was never changed."""


def version_of(case_id: str, release: int) -> str:
    """The published version that a case's release has: ``texas_housing-20261126T013000.1``."""
    return f"{case_id}.{release}"


def change_id(case_id: str, release_key: str) -> str:
    """By which a target recognises a change, and its undoing."""
    return f"{case_id}/{release_key}"


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt to bring a version to a target."""

    change_id: str
    case_id: str
    """The business id of the process that publishes."""
    release: int
    """Counts attempts on too."""
    version: str
    target: Target
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Word:
    """What a target says to a change, or to its undoing."""

    state: SendingState
    why: str
    in_use: str | None
    """The version that it works with now."""
    former: str | None = None
    """The one before the change."""


@dataclass(frozen=True, slots=True)
class TargetResult:
    """How a version got on at one target."""

    target: str
    state: SendingState
    why: str
    former_version: str | None
    """What was in use there before; None: nothing, or it did not answer yet."""


@dataclass(frozen=True, slots=True)
class PublicationResult:
    """How a version got on at all targets."""

    state: Literal["delivered", "pending", "refused"]
    """``refused``: at least one target did, or did not answer in time; what others got is to be undone."""
    why: str
    targets: tuple[TargetResult, ...]


def outcome(results: Sequence[TargetResult], *, waited_minutes: float, give_up_minutes: float) -> PublicationResult:
    """What is to be done about a publication: go on, wait, or undo it."""
    refused = [one for one in results if one.state == "refused"]
    pending = [one for one in results if one.state == "pending"]
    if refused:
        why = "; ".join(f"{one.target}: {one.why}" for one in refused)
        return PublicationResult("refused", why, tuple(results))
    if pending and waited_minutes >= give_up_minutes:
        names = ", ".join(one.target for one in pending)
        why = f"{names} did not answer within {give_up_minutes:.0f} minutes"
        return PublicationResult("refused", why, tuple(results))
    if pending:
        names = ", ".join(one.target for one in pending)
        return PublicationResult("pending", f"{names} did not answer yet", tuple(results))
    return PublicationResult("delivered", "", tuple(results))
