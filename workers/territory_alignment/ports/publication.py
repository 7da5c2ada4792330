"""Publications: composing a version, approving it, sending it to the targets and taking it back there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from workers.office.publication import Sending, Target, TargetResult
from workers.territory_alignment.domain.release import ReleaseFacts

CHANNELS: Mapping[Target, str] = {"crm": "crm.territories", "routing": "routing.territories"}
"""The outbox channel of each target. The payload is ``{change_id, version}``, to undo it with ``undo: true``."""


@dataclass(frozen=True, slots=True)
class RepNews:
    """What a published version means for one rep."""

    rep: str
    name: str
    email: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


class PublicationDesk(Protocol):
    """Works in the job's transaction, but for `results`. A version, once stored, is not changed."""

    async def store(self, alignment_id: str, release: int, organisation: str, facts: ReleaseFacts) -> None:
        """Keep a version."""
        ...

    async def approve(
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

    async def editors(self, alignment_id: str) -> Sequence[str]:
        """Who had a hand in the plan: asked for it, or edited it."""
        ...

    async def send(self, sending: Sending, *, used: bool) -> None:
        """Send a version to a target, by the outbox; one that the organisation does not use counts as having it."""
        ...

    async def recall(self, version: str, target: Target, change_id: str) -> None:
        """Have a target go back, by the outbox, to what it had before the change."""
        ...

    async def results(self, case_id: str, release: int) -> tuple[Sequence[TargetResult], datetime]:
        """How an attempt got on at each target, and when it began; needs no transaction.

        Raises:
            PermanentError: nothing was sent.
        """
        ...

    async def news(self, version: str) -> Sequence[RepNews]:
        """What a version changes, by rep; those for whom nothing changes are left out."""
        ...
