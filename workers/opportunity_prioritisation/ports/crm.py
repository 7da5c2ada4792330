"""The CRM's opportunities: another system, asked with a time-out and told through the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workers.office.outside_targets import OutsideTarget
from workers.opportunity_prioritisation.domain.opportunity import Open

CHANNEL = "crm.ranking"
"""The outbox channel of rankings, and of contacts made from a list."""


class CrmOpportunities(Protocol):
    """Every question raises `CrmDown` after 2 s without an answer."""

    async def open_of(self, rep_ids: Sequence[str], at: datetime) -> Sequence[Open]:
        """The open opportunities of reps; nothing is known of promises yet."""
        ...

    async def cycles(self, rep_ids: Sequence[str], at: datetime) -> Sequence[tuple[float, float]]:
        """Of each that was closed in the last 120 days: days since then, and days it took."""
        ...

    async def put_ranking(self, change_id: str, organisation: str, prioritisation_id: str) -> None:
        """Send a ranking, in the job's transaction."""
        ...

    async def recall_ranking(self, change_id: str, organisation: str) -> None:
        """Have the CRM go back to the ranking before, behind what is on its way there."""
        ...

    async def contacted(self, opportunity_ids: Sequence[str], at: datetime) -> None:
        """Tell of contacts that were made."""
        ...


@dataclass(frozen=True, slots=True)
class Closing:
    """How an opportunity ended."""

    id: str
    opened_at: datetime
    closed_at: datetime
    won: bool


class OpportunitySource(Protocol):
    """Another system's opportunities, which a connector reads; both raise TransientError if it does not answer."""

    async def open_of(self, rep_ids: Sequence[str], at: datetime) -> Sequence[Open]:
        """See `CrmOpportunities.open_of`."""
        ...

    async def closed_of(self, rep_ids: Sequence[str], since: datetime) -> Sequence[Closing]:
        """Those of reps that were closed since then."""
        ...


class RankingTarget(OutsideTarget, Protocol):
    """Another system's fields for a ranking, by opportunity, as `{place, expected_value, action, why}`; {}: not on a list."""

    async def contacted(self, opportunity_ids: Sequence[str], at: datetime) -> None:
        """Tell of contacts that were made; a repeat changes nothing."""
        ...
