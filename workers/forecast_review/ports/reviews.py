"""What people say of segments: cases to show them, their answers, and changes on the way to approval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.domain.reviews import Answer, ApprovedChange, Change, Reason, SegmentCase
from workers.runtime.errors import BusinessError


class OverrideInvalid(BusinessError):
    """A change breaks a rule; the reviewer is asked again. Brings ``override_problem``."""

    code: ClassVar[str] = "override_invalid"


class ReviewDesk(Protocol):
    """All of it happens in the job's transaction."""

    async def case(self, forecast_id: str, version: str, segment: str) -> SegmentCase:
        """What is known of a segment of a fitted version.

        Raises:
            PermanentError: the version has no such segment.
        """
        ...

    async def answer(
        self, forecast_id: str, review_key: str, segment: str, answer: Answer, *, by: str, note: str, at: datetime
    ) -> None:
        """Keep what a person said; an earlier change of the segment in this review is replaced."""
        ...

    async def propose(
        self,
        forecast_id: str,
        review_key: str,
        segment: str,
        change: Change,
        *,
        reason: Reason,
        note: str,
        by: str,
        at: datetime,
    ) -> None:
        """Keep a change that waits for approval."""
        ...

    async def settle(self, forecast_id: str, review_key: str, *, approved: bool, by: str, comment: str) -> bool:
        """Approve or reject the change of an answer; False if it has none that waits."""
        ...

    async def close(self, forecast_id: str, version: str, release: int, at: datetime) -> Sequence[str]:
        """End all that waits: segments without an answer in this release, which are returned, and changes without
        approval, which are rejected.
        """
        ...

    async def changes(self, forecast_id: str) -> Sequence[ApprovedChange]:
        """The approved changes, the largest first."""
        ...

    async def again(self, forecast_id: str, version: str, at_least: int) -> Sequence[ToReview]:
        """Who is asked again after a release was rejected: about every segment that was listed before, or if there were
        none about the `at_least` that the decision table finds most important.
        """
        ...
