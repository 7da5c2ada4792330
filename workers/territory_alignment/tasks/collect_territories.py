"""Collect accounts, reps and rules, and tell what of them cannot be used."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.collection import Collected
from workers.territory_alignment.domain.organisation import names_of
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class CollectTerritoriesInput(Contract):
    """Whose, and how often they were collected before in this alignment, plus one."""

    alignment_id: str
    organisation: str
    collection: int
    leaving: str | None = None
    """Ids of reps, blanks between them."""
    joining: str | None = None


class CollectTerritoriesOutput(Contract):
    """What there is; the rows stay in the database."""

    collected: Collected


@task(business_id="alignment_id", effect="once", loop="collection", timeout_seconds=120)
async def collect_territories(
    given: CollectTerritoriesInput, ports: TerritoryAlignmentPorts
) -> CollectTerritoriesOutput:
    """Keep them as they came; rows that cannot be used are named with the rule that they break."""
    organisation = await ports.book.organisation(given.organisation)
    named = [*names_of(given.leaving), *names_of(given.joining)]
    collected = await ports.data.collect(given.alignment_id, given.collection, organisation, named)
    await ports.work.note(
        "collected",
        f"{collected.accounts} accounts and {collected.reps} reps; {collected.left_out} rows cannot be used.",
        collection_id=collected.collection_id,
        by_rule={one.rule: one.count for one in collected.by_rule},
    )
    return CollectTerritoriesOutput(collected=collected)
