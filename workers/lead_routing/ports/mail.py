"""Mail to people: who gets it and where its link leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

Audience = Literal["sales-ops", "sales-managers", "manager", "owner"]


class MailDesk(Protocol):
    """Addresses and links."""

    async def addresses(self, audience: Audience, lead_id: str, *, owner_email: str | None = None) -> Sequence[str]:
        """Who belongs to an audience, for this lead.

        ``owner``: `owner_email`, or else the lead's present owner. ``manager`` and ``sales-managers``: the manager of
        the lead's territory. Whoever cannot be found is replaced by ``sales-ops``, so that no mail is lost.
        """
        ...

    async def rep_address(self, rep_id: str) -> str | None:
        """A sales rep's address, or None if there is no such rep."""
        ...

    def task_link(self, lead_id: str) -> str:
        """The page that leads to the lead's open task."""
        ...
