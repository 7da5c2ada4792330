"""The book of reviews: the organisations, and which review of their forecast is under way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Protocol

from workers.forecast_review.domain.organisation import Organisation, Reason, Review, State
from workers.runtime.errors import BusinessError


class ReviewUnderWay(BusinessError):
    """Another review of this organisation's forecast is under way; this one ends."""

    code: ClassVar[str] = "review_under_way"


class ReviewBook(Protocol):
    """All of it happens in the job's transaction."""

    async def organisation(self, organisation: str) -> Organisation:
        """One organisation.

        Raises:
            PermanentError: there is none of that id.
        """
        ...

    async def open(self, forecast_id: str, organisation: str, reason: Reason, asked_by: str, at: datetime) -> None:
        """Open a review; of two at the same moment exactly one is opened.

        Raises:
            ReviewUnderWay: another one of the organisation is open; its id is in the variable ``joined``.
        """
        ...

    async def review(self, forecast_id: str) -> Review:
        """One review.

        Raises:
            PermanentError: it was never opened.
        """
        ...

    async def close(self, forecast_id: str, state: State, at: datetime) -> bool:
        """End a review, so that the organisation's next one may start; False if it had ended before."""
        ...

    async def deadlines(self, organisation: str, minutes: Mapping[str, float], at: datetime) -> dict[str, datetime]:
        """For each name the moment at which so many working minutes of the organisation have passed since `at`."""
        ...
