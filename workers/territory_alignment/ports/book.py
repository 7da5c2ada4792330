"""The book of alignments: the organisations, and which alignment of their territories is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from workers.runtime.errors import BusinessError
from workers.territory_alignment.domain.organisation import Alignment, Organisation, Reason, Region, State


class AlignmentUnderWay(BusinessError):
    """Another alignment of this organisation's territories is under way; this one ends."""

    code: ClassVar[str] = "alignment_under_way"


class AlignmentBook(Protocol):
    """All of it happens in the job's transaction."""

    async def organisation(self, organisation: str) -> Organisation:
        """One organisation.

        Raises:
            PermanentError: there is none of that id.
        """
        ...

    async def regions(self, organisation: str) -> Sequence[Region]:
        """Its regions, by name."""
        ...

    async def open(self, alignment_id: str, organisation: str, reason: Reason, asked_by: str, at: datetime) -> None:
        """Open an alignment; of two at the same moment exactly one is opened.

        Raises:
            AlignmentUnderWay: another one of the organisation is open; its id is in the variable ``joined``.
        """
        ...

    async def alignment(self, alignment_id: str, *, lock: bool = False) -> Alignment:
        """One alignment; `lock`: nobody else plans in it until the transaction ends.

        Raises:
            PermanentError: it was never opened.
        """
        ...

    async def put_on_table(self, alignment_id: str, version: str, label: str) -> None:
        """From now on this plan is what people look at; `label` is what the scenario is called."""
        ...

    async def close(self, alignment_id: str, state: State, at: datetime) -> bool:
        """End an alignment, so that the organisation's next one may start; False if it had ended before."""
        ...

    async def deadlines(self, organisation: str, minutes: Mapping[str, float], at: datetime) -> dict[str, datetime]:
        """For each name the moment at which so many working minutes of the organisation have passed since `at`."""
        ...
