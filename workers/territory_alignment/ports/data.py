"""Accounts, reps and rules: collecting them from where they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workers.territory_alignment.domain.collection import Collected, Problem
from workers.territory_alignment.domain.organisation import Organisation


class DataDesk(Protocol):
    """Collections are immutable; all of it happens in the job's transaction."""

    async def collect(
        self, alignment_id: str, collection: int, organisation: Organisation, named: Sequence[str]
    ) -> Collected:
        """Collect accounts, reps and rules, read them, and keep them with what cannot be used. `named` are reps who leave
        or join.
        """
        ...

    async def problems(self, collection_id: str, most: int) -> Sequence[Problem]:
        """The first problems of a collection."""
        ...
