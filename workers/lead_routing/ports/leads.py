"""The book of leads: what Fairlead knows of each lead while it is routed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from workers.lead_routing.domain.duplicates import Keys, Known
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.score import Score

State = Literal[
    "received",
    "registered",
    "invalid",
    "merged",
    "triage",
    "queued",
    "assigned",
    "accepted",
    "manager",
    "discarded",
    "withdrawn",
]

FINAL: frozenset[State] = frozenset({"merged", "discarded", "withdrawn"})
"""A lead in one of these states never takes another one."""


@dataclass(frozen=True, slots=True)
class ReceivedLead:
    """A lead as it came in."""

    lead_id: str
    source: str
    raw: Mapping[str, Any]  # Any: JSON as received
    received_at: datetime
    state: State


class LeadBook(Protocol):
    """All methods work in the job's transaction.

    Those that write raise `PermanentError` for a lead id that is not in the book.
    """

    async def received(self, lead_id: str) -> ReceivedLead:
        """The lead as received; its row is locked until the transaction ends.

        Raises:
            PermanentError: the lead is not in the book.
        """
        ...

    async def lock_twins(self, keys: Keys) -> None:
        """Let nobody else register a lead with one of these keys until the transaction ends."""
        ...

    async def possible_twins(self, received: ReceivedLead, keys: Keys) -> Sequence[Known]:
        """Leads already registered that share a key, within the window of time, the oldest first."""
        ...

    async def register(
        self, lead_id: str, lead: Lead, keys: Keys, *, state: Literal["registered", "invalid"], duplicate_of: str | None
    ) -> None:
        """Store the normalised lead; a duplicate keeps its state until it is merged."""
        ...

    async def merge(self, lead_id: str, into: str) -> tuple[str, ...]:
        """Mark the lead as merged; `into` gains what it lacks. Returns the names of the fields gained."""
        ...

    async def set_account(self, lead_id: str, account_id: str | None) -> None:
        """Store which account the lead belongs to."""
        ...

    async def set_score(self, lead_id: str, score: Score) -> None:
        """Store the score."""
        ...

    async def set_routing(self, lead_id: str, routing: Mapping[str, Any]) -> None:
        """Store what the decision tables said."""
        ...

    async def set_state(self, lead_id: str, state: State) -> None:
        """Put the lead into a state; repeating it changes nothing.

        Raises:
            CaseClosed: the lead was withdrawn, merged or discarded before, and `state` is another one.
        """
        ...

    async def set_owner(self, lead_id: str, owner_id: str, assigned_at: datetime, sla_due_at: datetime | None) -> None:
        """Give the lead an owner: state `assigned`; the first assignment's time is kept apart.

        Raises:
            CaseClosed: the lead was withdrawn, merged or discarded.
        """
        ...

    async def clear_owner(self, lead_id: str) -> None:
        """Take the owner away: an assigned lead is `registered` again, any other state stays."""
        ...

    async def accepted(self, lead_id: str, at: datetime) -> None:
        """The owner took the lead.

        Raises:
            CaseClosed: the lead was withdrawn, merged or discarded.
        """
        ...

    async def refused(self, lead_id: str, breached: bool) -> None:
        """The owner said no, or (`breached`) did not answer in time; breaches are counted."""
        ...
