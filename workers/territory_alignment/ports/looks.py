"""What managers say: answers and edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from workers.runtime.errors import BusinessError
from workers.territory_alignment.domain.looks import Answer, Edit, Word


class AnswerInvalid(BusinessError):
    """An answer breaks a rule; the manager is asked again. Brings ``edit_problem``."""

    code: ClassVar[str] = "answer_invalid"


class LookDesk(Protocol):
    """All of it happens in the job's transaction."""

    async def answer(
        self,
        alignment_id: str,
        look_key: str,
        region: str,
        answer: Answer,
        *,
        seen: str,
        by: str,
        note: str,
        at: datetime,
        edits: Sequence[Edit] = (),
    ) -> None:
        """Keep an answer about the version `seen`, and the edits that it asks for."""
        ...

    async def edits(self, alignment_id: str, look_key: str) -> Sequence[Edit]:
        """The edits that hold, and those of this answer, the oldest first."""
        ...

    async def keep(self, alignment_id: str, look_key: str) -> None:
        """The edits of this answer hold from now on: there is a plan with them."""
        ...

    async def last(self, alignment_id: str, prefix: str) -> Mapping[str, tuple[str, str]]:
        """Region → last answer and the version that it was about, of a round (the beginning of its keys)."""
        ...

    async def last_words(self, alignment_id: str) -> Sequence[Word]:
        """The last word on each region that was looked at, or that nobody decided about in time."""
        ...

    async def close(
        self, alignment_id: str, prefix: str, regions: Sequence[str], version: str, at: datetime
    ) -> list[str]:
        """Note the regions that nobody has accepted or refused in this round: what is on the table stands."""
        ...
