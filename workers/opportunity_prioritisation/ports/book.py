"""The book of rankings: the organisations, which ranking is under way, and what was found and decided in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from workers.opportunity_prioritisation.domain.opportunity import Open
from workers.opportunity_prioritisation.domain.ranking import Ranked, Scored
from workers.opportunity_prioritisation.domain.run import Organisation, State
from workers.runtime.errors import BusinessError


class PrioritisationUnderWay(BusinessError):
    """Another ranking of this organisation is under way; this one ends."""

    code: ClassVar[str] = "prioritisation_under_way"


class PrioritisationBook(Protocol):
    """All of it happens in the job's transaction."""

    async def organisation(self, organisation: str) -> Organisation:
        """One organisation.

        Raises:
            PermanentError: there is none of that id.
        """
        ...

    async def ask_all(self, at: datetime) -> Sequence[str]:
        """Ask for a ranking of every organisation, by message; their ids."""
        ...

    async def open(self, prioritisation_id: str, organisation: str, asked_by: str, at: datetime) -> None:
        """Open a ranking; of two at the same moment exactly one is opened.

        Raises:
            PrioritisationUnderWay: another one is open; its id is in the variable ``joined``.
        """
        ...

    async def close(self, prioritisation_id: str, state: State, at: datetime) -> bool:
        """End a ranking; False if it had ended before."""
        ...

    async def promised(self, opportunity_ids: Sequence[str]) -> set[str]:
        """Those that a contact is promised about."""
        ...

    async def keep(self, prioritisation_id: str, found: Sequence[Open], at: datetime) -> None:
        """Keep what was found in the CRM."""
        ...

    async def kept(self, prioritisation_id: str) -> tuple[Sequence[Open], datetime]:
        """What was found, and when."""
        ...

    async def keep_chances(self, prioritisation_id: str, scored: Sequence[Scored], source: str) -> None:
        """Keep the chances with their reasons; `source` is the model's version, or ``table``."""
        ...

    async def scored(self, prioritisation_id: str) -> tuple[Sequence[Scored], datetime]:
        """What was found with its chances, and when it was found."""
        ...

    async def keep_ranking(self, prioritisation_id: str, ranked: Sequence[Ranked]) -> None:
        """Keep places, expected values, actions and reasons."""
        ...

    async def minutes(self, organisation: Organisation, at: datetime) -> Mapping[str, float]:
        """What each rep has today for open opportunities; those who are away have nothing and are left out."""
        ...
