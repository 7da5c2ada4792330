"""Plans as light programs see them: rows and figures, without the solver's libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from workers.territory_alignment.domain.planning import ChangeFacts, Move, RepLoad, Scenario, Solved


class PlanDesk(Protocol):
    """Reads in the job's transaction."""

    async def solved(self, version: str) -> Solved:
        """What is proven of a version.

        Raises:
            PermanentError: it is not stored.
        """
        ...

    async def facts(self, organisation: str, version: str, *, live: bool) -> ChangeFacts:
        """What changes by a version."""
        ...

    async def touched(self, organisation: str, version: str, since: str | None = None) -> Sequence[str]:
        """Regions in which a rep gains or loses an account against today; `since`: against that version instead."""
        ...

    async def moves(self, organisation: str, version: str, region: str, most: int) -> tuple[Sequence[Move], int]:
        """Accounts that change hands in a region, the largest potential first; and how many there are in all."""
        ...

    async def loads(self, organisation: str, version: str, region: str) -> Sequence[RepLoad]:
        """What each rep of a region has by a version and today."""
        ...

    async def owners(self, version: str) -> Mapping[str, str]:
        """Account → today's owner, for every account of a version; empty: nobody."""
        ...

    async def reps(self, organisation: str) -> Sequence[str]:
        """The organisation's reps."""
        ...

    async def scenarios(self, alignment_id: str, version: str) -> Sequence[Scenario]:
        """Today, the plan as it was proposed, and the version."""
        ...
