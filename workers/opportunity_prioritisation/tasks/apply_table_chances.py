"""Give each opportunity its chance to be won, by the table: there is no model that works."""

from __future__ import annotations

from workers.opportunity_prioritisation.domain.opportunity import TableChance, cell_of
from workers.opportunity_prioritisation.domain.ranking import Scored
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class ApplyTableChancesInput(Contract):
    """What the table said of each cell."""

    prioritisation_id: str
    table_chances: list[TableChance]


class ApplyTableChancesOutput(Contract):
    """How many were scored so."""

    scored_by_table: int


@task(business_id="prioritisation_id", effect="once")
async def apply_table_chances(given: ApplyTableChancesInput, ports: PrioritisationPorts) -> ApplyTableChancesOutput:
    """Keep the chance of each opportunity's cell, with the table's reason."""
    found, at = await ports.book.kept(given.prioritisation_id)
    said = {one.cell: one for one in given.table_chances}
    scored = []
    for one in found:
        answer = said[cell_of(one, at).cell]
        scored.append(Scored(one, answer.chance, [answer.why]))
    await ports.book.keep_chances(given.prioritisation_id, scored, "table")
    await ports.work.note("scored", "By the table, as there is no win model that works.")
    return ApplyTableChancesOutput(scored_by_table=len(scored))
