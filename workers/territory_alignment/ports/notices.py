"""Mail to people who take part in an alignment: who gets it, and where its link leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class NoticeDesk(Protocol):
    """Addresses and links."""

    tasks: str
    """Where people find their tasks."""

    async def addresses(self, alignment_id: str, group: str, manager: str | None = None) -> Sequence[str]:
        """Who belongs to a group of the alignment's organisation; `manager` alone, if that log-in's address is known.

        Groups that nobody is named for are replaced by ``sales-ops``, and those by the installation's, so that no mail
        is lost.
        """
        ...
