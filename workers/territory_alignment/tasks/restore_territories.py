"""Have a target go back to what it had before `publish_territories`."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class RestoreTerritoriesInput(Contract):
    """Which publication is undone."""

    alignment_id: str
    release_key: str


class RestoreTerritoriesOutput(Contract):
    """Whether there was anything to undo."""

    territories_restored: bool


@task(business_id="alignment_id", effect="once", loop="release_key", undoes="publish_territories", after_close=True)
async def restore_territories(
    given: RestoreTerritoriesInput, ports: TerritoryAlignmentPorts
) -> RestoreTerritoriesOutput:
    """Undo the recorded change, behind it in the outbox; the target knows what each account or rep had before."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return RestoreTerritoriesOutput(territories_restored=False)
    await ports.publication.recall(recorded["version"], recorded["target"], recorded["change_id"])
    await ports.work.note("recalled", f"The {recorded['target']} goes back to what it had.", undone=recorded["version"])
    return RestoreTerritoriesOutput(territories_restored=True)
