"""The book of reviews: the organisations, their people, and which review is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from workers.quota_approval.domain.people import Person
from workers.quota_approval.domain.reviews import AdjustmentFacts, Organisation, Reason, Review, State
from workers.runtime.errors import BusinessError


class QuotasUnderWay(BusinessError):
    """Another review of this organisation's quotas is under way; this one ends."""

    code: ClassVar[str] = "quotas_under_way"


class QuotaBook(Protocol):
    """All of it happens in the job's transaction."""

    async def organisation(self, organisation: str) -> Organisation:
        """One organisation.

        Raises:
            PermanentError: there is none of that id.
        """
        ...

    async def people(self, organisation: str) -> Sequence[Person]:
        """Everybody with a log-in."""
        ...

    async def open(
        self,
        quota_id: str,
        organisation: str,
        period: str,
        reason: Reason,
        asked_by: str,
        concerned: Sequence[str],
        at: datetime,
    ) -> None:
        """Open a review; of two at the same moment exactly one is opened.

        Raises:
            QuotasUnderWay: another one of the organisation is open; its id is in the variable ``joined``.
        """
        ...

    async def review(self, quota_id: str) -> Review:
        """One review.

        Raises:
            PermanentError: it was never opened.
        """
        ...

    async def adjustments(self, organisation: str, period: str, at: datetime) -> AdjustmentFacts:
        """How often quotas of the period were set anew; change and number of those concerned are 0 in it."""
        ...

    async def close(self, quota_id: str, state: State, at: datetime) -> bool:
        """End a review, so that the organisation's next one may start; False if it had ended before."""
        ...

    async def deadlines(self, organisation: str, minutes: Mapping[str, float], at: datetime) -> dict[str, datetime]:
        """For each name the moment at which so many working minutes of the organisation have passed since `at`."""
        ...

    async def addresses(self, organisation: str, group: str) -> Sequence[str]:
        """Who is written to as a group: those that the organisation names, else its ``sales-ops``, else the
        installation's.
        """
        ...
