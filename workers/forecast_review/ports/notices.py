"""Mail to people who take part in a review: who gets it, and where its link leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class NoticeDesk(Protocol):
    """Addresses and links."""

    tasks: str
    """Where people find their tasks."""

    async def addresses(self, forecast_id: str, group: str, person: str | None = None) -> Sequence[str]:
        """Who belongs to a group of the review's organisation; `person` alone, if that is an address.

        Groups that nobody is named for are replaced by ``sales-ops``, and those by the installation's, so that no mail
        is lost.
        """
        ...
