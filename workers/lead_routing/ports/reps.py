"""The assignment desk: what lead routing needs to know of the sales organisation and to book in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from workers.lead_routing.domain.assignment import Decision, Demand
from workers.lead_routing.domain.suggestions import Suggestion
from workers.office.calendar import WorkCalendar
from workers.runtime.errors import PermanentError


class AlreadyAssigned(PermanentError):
    """The lead has an owner already. Release that assignment before a new one."""


@dataclass(frozen=True, slots=True)
class Released:
    """What was given back: the rep's slot, and the credits that the assignment had moved (rep id → change, leads)."""

    rep_id: str
    pool: str | None
    credits: Mapping[str, float]


class RepDesk(Protocol):
    """Books leads on reps. All of it happens in the job's transaction; moments are aware.

    Call the desk before the lead book in one transaction: rows are locked in the order reps, credits, leads.
    """

    async def assign(self, lead_id: str, round_: int, demand: Demand, moment: datetime) -> Decision:
        """Decide and book atomically: capacity holds and credits add up whatever happens at the same time.

        Raises:
            NobodyEligible: nobody may have the lead now (from `domain.assignment`); nothing was changed.
            AlreadyAssigned: the lead has an owner, or this round was booked before.
        """
        ...

    async def release(self, lead_id: str, round_: int, why: str, moment: datetime) -> Released | None:
        """Give back slot and credits exactly as booked; None if there was nothing to give back (any more)."""
        ...

    async def accept(self, lead_id: str, round_: int, moment: datetime) -> bool:
        """Note that the owner has accepted; whether there was such an assignment."""
        ...

    async def take_over(self, lead_id: str, rep_id: str, why: str) -> bool:
        """A person gave the lead to somebody, beyond what the rep could take if need be; no credits move. Whoever had it
        gets the slot back. Whether a slot was taken: somebody who is no rep of ours takes none.
        """
        ...

    async def close(self, lead_id: str, moment: datetime) -> bool:
        """The lead's outcome is known: it no longer counts as open. Whether that changed anything."""
        ...

    async def suggestions(self, demand: Demand, moment: datetime, by: Literal["triage", "manager"]) -> list[Suggestion]:
        """Whom a person may choose, best first (see `domain.suggestions.suggest`). Locks nothing."""
        ...

    async def next_chance(self, demand: Demand, moment: datetime) -> datetime | None:
        """When next somebody suitable may be free (see `domain.suggestions.next_chance`). Locks nothing."""
        ...

    async def team_calendar(self, territory: str | None) -> WorkCalendar:
        """Office hours of the territory's team; None or an unknown territory: those of the sales organisation."""
        ...
