"""Publications: composing a version, sending it to the targets, taking it back there, and the letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from workers.office.publication import Sending, Target, TargetResult
from workers.quota_approval.domain.people import Person
from workers.quota_approval.domain.reviews import Organisation, Review

CHANNELS: Mapping[Target, str] = {"crm": "crm.quotas", "erp": "erp.quotas"}
"""The outbox channel of each target; see `workers.office.sendings`."""


class PublicationDesk(Protocol):
    """Works in the job's transaction, but for `results`. A version, once stored, is not changed."""

    async def store(self, review: Review, release: int, organisation: Organisation) -> str:
        """Keep the plan of a review as the version of a release, and tell which; once more it is the same one."""
        ...

    async def send(self, sending: Sending, organisation: Organisation) -> None:
        """Send a version to a target, by the outbox; one that the organisation does not use counts as having it."""
        ...

    async def recall(self, version: str, target: Target, change_id: str) -> None:
        """Have a target go back to what it had before the change; a newer version that somebody published stays."""
        ...

    async def results(self, quota_id: str, release: int) -> tuple[Sequence[TargetResult], datetime]:
        """How an attempt got on at each target, and when it began; needs no transaction.

        Raises:
            PermanentError: nothing was sent.
        """
        ...

    async def print_letters(
        self, version: str, organisation: Organisation, people: Sequence[Person], at: datetime
    ) -> int:
        """Make a PDF for each rep with a log-in and keep it, not yet to be opened; how many there are."""
        ...

    async def void_letters(self, version: str, at: datetime) -> int:
        """Letters that were printed are worth nothing any more."""
        ...

    async def send_letters(self, version: str, at: datetime) -> Sequence[tuple[str, str, str]]:
        """Let the letters be opened: address, name and link of each."""
        ...
