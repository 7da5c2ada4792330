"""The solver: plans made by a search with limits, beside the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar, Protocol

from workers.runtime.errors import BusinessError
from workers.territory_alignment.domain.organisation import Organisation
from workers.territory_alignment.domain.planning import Solved


class NoPlan(BusinessError):
    """No plan was found; a person decides. Brings ``clash_why``, ``clash_kind`` and ``clash_rules``."""

    code: ClassVar[str] = "no_plan"


class EditImpossible(BusinessError):
    """No plan can be made around a manager's edits; the manager is asked again. Brings ``edit_problem``."""

    code: ClassVar[str] = "edit_impossible"


class Solver(Protocol):
    """Plans are stored in the job's transaction, with what light programs need of them."""

    async def solve(
        self,
        alignment_id: str,
        collection_id: str,
        organisation: Organisation,
        *,
        seconds: float,
        memory_mb: int,
        dropped: Sequence[tuple[str, str]],
        leave_out: bool,
        leaving: Sequence[str],
        joining: Sequence[str],
        live: bool,
    ) -> Solved:
        """Plan anew; if `live`, stay near what the organisation has published, if anything.

        Raises:
            NoPlan: rules clash, or time or memory was too short.
        """
        ...

    async def adjust(
        self,
        alignment_id: str,
        version: str,
        *,
        locked: Mapping[str, str],
        forbidden: AbstractSet[tuple[str, str]],
        seconds: float,
        memory_mb: int,
    ) -> Solved:
        """Plan anew around edits, staying near a version.

        Raises:
            EditImpossible: the edits cannot hold together with the rules.
        """
        ...
