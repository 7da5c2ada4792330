"""Facts about segments, and who is asked about which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workers.forecast_review.domain.needs import Fact, Need, Segments, ToReview


class NeedDesk(Protocol):
    """What is known of each segment of a version, and what the decision table made of it."""

    async def explain(self, forecast_id: str, version: str) -> Segments:
        """Work out the facts of each segment against the version published before, and keep them in pages."""
        ...

    async def page(self, forecast_id: str, version: str, page: int) -> Sequence[Fact]:
        """The facts of one page; needs no transaction.

        Raises:
            PermanentError: there is no such page.
        """
        ...

    async def note(self, forecast_id: str, version: str, needs: Sequence[Need]) -> None:
        """Keep what the table said of the segments of a page."""
        ...

    async def to_review(self, forecast_id: str, version: str, share: float) -> tuple[list[ToReview], int]:
        """The segments to review, at most `share` (0 to 1) of all, by priority; and how many are approved unseen."""
        ...
