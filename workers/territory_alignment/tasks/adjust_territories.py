"""Plan anew around a manager's edits, in seconds; little else moves."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.looks import ToLook, rules_of
from workers.territory_alignment.domain.planning import Solved
from workers.territory_alignment.ports import TerritoryAlignmentPorts
from workers.territory_alignment.ports.solver import EditImpossible


class AdjustTerritoriesInput(Contract):
    """Whose edits, and within which limits."""

    alignment_id: str
    look_key: str
    look: ToLook
    edit_seconds: float
    memory_mb: int


class AdjustTerritoriesOutput(Contract):
    """The plan that is on the table now."""

    adjusted: Solved


@task(business_id="alignment_id", effect="once", loop="look_key", errors=(EditImpossible,), timeout_seconds=600)
async def adjust_territories(given: AdjustTerritoriesInput, ports: TerritoryAlignmentPorts) -> AdjustTerritoriesOutput:
    """Begin with the plan on the table; two managers' edits are planned one after the other.

    Raises:
        EditImpossible: the edits cannot hold together with the rules; brings ``edit_problem``.
    """
    alignment = await ports.book.alignment(given.alignment_id, lock=True)
    locked, forbidden = rules_of(await ports.looks.edits(given.alignment_id, given.look_key))
    adjusted = await ports.solver.adjust(
        given.alignment_id,
        alignment.plan_version or "",
        locked=locked,
        forbidden=forbidden,
        seconds=given.edit_seconds,
        memory_mb=given.memory_mb,
    )
    await ports.looks.keep(given.alignment_id, given.look_key)
    await ports.book.put_on_table(given.alignment_id, adjusted.version, f"Edited: {given.look.region}")
    await ports.work.note("adjusted", adjusted.proven, version=adjusted.version, region=given.look.region)
    return AdjustTerritoriesOutput(adjusted=adjusted)
