"""Put the plan down as a version that can be approved and published."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office.publication import version_of
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.organisation import day_of, midnight
from workers.territory_alignment.domain.planning import Solved
from workers.territory_alignment.domain.release import ReleaseFacts
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class ComposeTerritoriesInput(Contract):
    """Which plan, and which of the alignment's releases."""

    alignment_id: str
    organisation: str
    release: int
    plan: Solved
    live: bool
    effective_from: str | None = None
    """A day, ``2027-01-01``; None: at once."""


class ComposeTerritoriesOutput(Contract):
    """What decides who must approve it."""

    release_facts: ReleaseFacts
    effective_at: AwareDatetime
    """When it comes into force."""


@task(business_id="alignment_id", effect="once", loop="release")
async def compose_territories(
    given: ComposeTerritoriesInput, ports: TerritoryAlignmentPorts
) -> ComposeTerritoriesOutput:
    """Keep the version; a day that has passed becomes today."""
    version = version_of(given.alignment_id, given.release)
    zone = (await ports.book.organisation(given.organisation)).timezone
    effective_from = day_of(given.effective_from, ports.clock(), zone)
    changes = await ports.plans.facts(given.organisation, given.plan.version, live=given.live)
    answers = [one.answer for one in await ports.looks.last_words(given.alignment_id)]
    facts = ReleaseFacts(
        published_version=version,
        plan_version=given.plan.version,
        effective_from=effective_from.isoformat(),
        live=given.live,
        changed=changes.changed,
        changed_share=changes.changed_share,
        potential_share=changes.potential_share,
        key_accounts_moved=changes.key_accounts_moved,
        gap=changes.gap,
        edits=len(await ports.looks.edits(given.alignment_id, "")),
        refusals=answers.count("refuse"),
        unseen=answers.count("closed"),
    )
    await ports.publication.store(given.alignment_id, given.release, given.organisation, facts)
    await ports.work.note(
        "composed", f"{facts.changed} accounts change hands.", version=version, plan_version=facts.plan_version
    )
    return ComposeTerritoriesOutput(release_facts=facts, effective_at=midnight(effective_from, zone))
