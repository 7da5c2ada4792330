"""The lists of reps: who gets one, what is on it, and what they said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workers.office.reps import Rep
from workers.opportunity_prioritisation.domain.lists import AnswerRow, RepList


@dataclass(frozen=True, slots=True)
class Row:
    """One place of a list."""

    place: int
    opportunity_id: str
    name: str
    customer: str
    stage: str
    amount: float
    chance: float
    expected_value: float
    minutes: float
    action: str
    why: str


class ListDesk(Protocol):
    """All of it happens in the job's transaction."""

    async def lists(self, prioritisation_id: str) -> Sequence[RepList]:
        """Reps that have something on their list."""
        ...

    async def rows(self, prioritisation_id: str, rep_id: str) -> Sequence[Row]:
        """One list, the first place first."""
        ...

    async def rep(self, rep_id: str) -> Rep:
        """Whose list it is.

        Raises:
            PermanentError: the rep is gone.
        """
        ...

    async def addresses(self, rep_id: str, group: str) -> Sequence[str]:
        """The rep's, or for ``sales-managers`` the manager's; else those of sales operations."""
        ...

    async def answer(
        self, prioritisation_id: str, rep_id: str, answers: Sequence[AnswerRow], by: str, at: datetime
    ) -> None:
        """Keep what the rep said; what was not mentioned is ``later``."""
        ...

    async def promise(self, row: Row, rep: Rep, by: datetime, said_by: str, note: str) -> bool:
        """Have a promised contact followed up, by message; False if it was before."""
        ...
