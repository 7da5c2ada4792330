"""What SAP is asked for once, though it lets several entities have the same id of ours.

What keeps it to one is the order of things: look for it; note that one is asked for; ask. Who died, or heard nothing, after
asking looks again, and asks again only when SAP can't be at work on it any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from workers.connectors.answers import Json, SystemConflict, SystemDown, SystemPause, SystemRefused
from workers.connectors.sap import odata
from workers.connectors.sap.client import SapClient
from workers.runtime.breaker import Breaker
from workers.runtime.errors import DependencyDown, PermanentError, TransientError, Unreachable

TRIES = 3
"""Within one delivery, while others change what is changed."""


class SapDown(Unreachable):
    """SAP did not answer; it is asked again."""

    runbook = "crm-away"


class SapResting(DependencyDown, SapDown):
    """SAP asked for a pause, or failed too often of late, and is not asked for a while."""


class Unsettled(TransientError):
    """Something was asked for, and it is not known yet whether SAP made it; it is looked for again."""

    runbook = "crm-away"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entities of which each id of ours has one."""

    entity_set: str
    number: str
    """The property that is its key in SAP."""
    title: str
    """``sales order``."""
    expand: tuple[str, ...]
    """The children that are read with it."""
    remedy: str
    """What people do about several with the same id of ours."""

    async def find(self, client: SapClient, property_: str, own: str) -> Json | None:
        """The one that has an id of ours in a property; None: there is none.

        Raises:
            PermanentError: there are several.
        """
        where = f"{property_} eq {odata.text(own)}"
        found = await client.find(self.entity_set, where, order=self.number, expand=self.expand)
        if len(found) > 1:
            raise PermanentError(
                f"{len(found)} {self.title}s have the {property_} {own}: {self.remedy}, then send this again."
            )
        return found[0] if found else None

    async def read(self, client: SapClient, number: str) -> Json | None:
        """The one with a number of SAP's; None: there is none."""
        return await client.get(self.address(number), f"read the {self.title}", expand=self.expand)

    async def make(self, client: SapClient, values: Json, refused: Callable[[], Awaitable[None]]) -> Json:
        """Ask for a new one, which is noted already; `refused` notes that none was made, where SAP says so."""
        try:
            return await client.create(self.entity_set, values, f"make a {self.title}")
        except (SystemRefused, SystemConflict):  # these alone say that nothing was made
            await refused()
            raise

    def unsettled(self) -> Unsettled:
        """That one may be on its way."""
        return Unsettled(
            f"A {self.title} was asked for, and it is not known yet whether SAP made it; it is looked for again."
        )

    def address(self, number: str) -> str:
        """Where it is below the service."""
        return odata.key(self.entity_set, **{self.number: number})

    def number_of(self, entity: Json) -> str:
        """The number that SAP gave it.

        Raises:
            SystemDown: the answer does not say it.
        """
        found = entity.get(self.number)
        if not isinstance(found, str) or not found:
            raise SystemDown(f"SAP's answer does not say which {self.title} it is.")
        return found


async def insisting(breaker: Breaker, once: Callable[[], Awaitable[None]]) -> None:
    """Do something in SAP; a few times, if others change it meanwhile.

    Raises:
        SapDown: no usable answer, or a pause is asked for (`SapResting`).
        SystemConflict: others change it each time.
    """
    try:
        with breaker.guard(SystemDown):
            for left in reversed(range(TRIES)):
                try:
                    await once()
                except SystemConflict:
                    if not left:
                        raise
                else:
                    return
    except SystemPause as pause:
        raise SapResting(str(pause), retry_after=pause.retry_after) from pause
    except SystemDown as error:
        raise SapDown(str(error)) from error
