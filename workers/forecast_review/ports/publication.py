"""Publications: composing a version, releasing it, sending it to the targets and taking it back there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from workers.forecast_review.domain.composing import Composed
from workers.forecast_review.domain.publication import Base, PersonOverride, ReleaseFacts
from workers.office.publication import Sending, Target, TargetResult

CHANNELS: Mapping[Target, str] = {"crm": "crm.forecast", "erp": "erp.forecast"}
"""The outbox channel of each target. See `workers.office.sendings`."""


class PublicationDesk(Protocol):
    """Works in the job's transaction, but for `results`. A version, once stored, is not changed."""

    async def base(self, run_version: str) -> Base:
        """What the models said in a fitted version.

        Raises:
            PermanentError: it is not stored.
        """
        ...

    async def approved(self, forecast_id: str) -> Sequence[PersonOverride]:
        """The approved overrides of a review, the newest of each segment."""
        ...

    async def former_totals(self, organisation: str, forecast_id: str) -> Mapping[str, float] | None:
        """Month → total of the last version that reached a target, but for those of this review; None: none did."""
        ...

    async def store(
        self,
        forecast_id: str,
        release: int,
        organisation: str,
        base: Base,
        composed: Composed,
        overrides: Sequence[PersonOverride],
        facts: ReleaseFacts,
    ) -> None:
        """Keep a composed version."""
        ...

    async def release(
        self,
        version: str,
        choice: Literal["approve", "reject"],
        *,
        level: str,
        decided_by: str,
        comment: str,
        at: datetime,
    ) -> None:
        """Note who let a version out, or did not."""
        ...

    async def send(self, sending: Sending, organisation: str) -> None:
        """Send a version to a target, by the outbox; one that the organisation does not use counts as having it."""
        ...

    async def recall(self, version: str, target: Target, change_id: str) -> None:
        """Have a target go back, by the outbox, to what it had before the change; nothing happens if it came to
        nothing, and a newer version that somebody published meanwhile stays.
        """
        ...

    async def results(self, forecast_id: str, release: int) -> tuple[Sequence[TargetResult], datetime]:
        """How an attempt got on at each target, and when it began; needs no transaction.

        Raises:
            PermanentError: nothing was sent.
        """
        ...
