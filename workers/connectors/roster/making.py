"""Settings → what takes people over, from whichever system knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from workers.connectors.roster import moves
from workers.connectors.roster.importing import Import, Taken
from workers.connectors.roster.nightly import CHANNEL, LOOK_SECONDS, Night
from workers.connectors.workday import making
from workers.runtime.resources import Deliver, Regular, Resources


async def take(resources: Resources, actor: str, *, dry: bool = False, force: bool = False) -> Taken:
    """Import from Workday; see `Import.run`.

    Raises:
        NotConnected: it is not said how to log in.
        WrongMapping: the mapping can't be used.
    """
    settings = resources.settings.workday
    client = making.client(settings)
    try:
        one = Import(
            making.SYSTEM,
            making.people(settings, client),
            resources.pool,
            most_percent=settings.most_changed_percent,
            clock=resources.clock,
        )
        return await one.run(actor=actor, dry=dry, force=force)
    finally:
        await client.close()


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who tries again what a person sends again."""
    return {CHANNEL: _night(resources)} if resources.settings.workday.connected else {}


def chores(resources: Resources) -> Sequence[Regular]:
    """The import of each night, and what begins when somebody leaves or joins."""
    if not resources.settings.workday.connected:
        return []
    return [
        Regular("people of Workday", LOOK_SECONDS, _night(resources).look),
        Regular(
            "people who left or joined",
            moves.LOOK_SECONDS,
            partial(moves.look, resources.pool, making.SYSTEM, resources.clock),
        ),
    ]


def _night(resources: Resources) -> Night:
    at = resources.settings.workday.reconcile_at
    return Night(making.SYSTEM, partial(take, resources), resources.pool, at, resources.clock)
