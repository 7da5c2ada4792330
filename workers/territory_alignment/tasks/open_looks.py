"""Ask the managers of the regions in which something changes, and tell them until when to answer."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office.letters import CHANNEL
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain import letters
from workers.territory_alignment.domain.looks import ToLook
from workers.territory_alignment.ports import TerritoryAlignmentPorts

GROUP = "sales-managers"


class OpenLooksInput(Contract):
    """Which round of which release."""

    alignment_id: str
    organisation: str
    organisation_name: str
    look_round: int
    """Counts on over releases too."""
    look_regions: list[str] | None = None
    """Only these; None: all in which a rep gains or loses an account."""
    look_minutes: float
    """Working minutes until what nobody decided stands as it is."""


class OpenLooksOutput(Contract):
    """Who is asked, and when that ends."""

    looks: list[ToLook]
    looks_close_at: AwareDatetime


@task(business_id="alignment_id", effect="once", loop="look_round")
async def open_looks(given: OpenLooksInput, ports: TerritoryAlignmentPorts) -> OpenLooksOutput:
    """One mail for each manager, however many regions there are."""
    alignment = await ports.book.alignment(given.alignment_id)
    wanted = given.look_regions
    if wanted is None:
        wanted = list(await ports.plans.touched(given.organisation, alignment.plan_version or ""))
    managers = {one.region: one.manager or None for one in await ports.book.regions(given.organisation)}
    looks = [ToLook(region, GROUP, managers.get(region)) for region in wanted]
    due = await ports.book.deadlines(given.organisation, {"close_at": given.look_minutes}, ports.clock())
    by_manager: dict[str | None, list[str]] = {}
    for look in looks:
        by_manager.setdefault(look.manager, []).append(look.region)
    for manager, regions in by_manager.items():
        letter = letters.looks_asked(
            given.organisation_name, regions, close_at=due["close_at"], link=ports.notices.tasks
        )
        await ports.work.send(CHANNEL, letter.to(await ports.notices.addresses(given.alignment_id, GROUP, manager)))
    await ports.work.note(
        "looks_opened",
        f"{len(looks)} regions wait for a manager.",
        regions=[one.region for one in looks],
        close_at=due["close_at"].isoformat(),
    )
    return OpenLooksOutput(looks=looks, looks_close_at=due["close_at"])
