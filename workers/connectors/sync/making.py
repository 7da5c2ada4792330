"""Settings → what keeps leads equal with a CRM; what our book does of it is the gateway's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.making import DELIVERING_SECONDS
from workers.connectors.sync.following import Follower
from workers.connectors.sync.importing import Import, Owned
from workers.connectors.sync.keeping import Keeper
from workers.connectors.sync.patience import Patience, patiently
from workers.connectors.sync.reconciling import Reconciliation
from workers.connectors.sync.side import Outcome, Side
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.regions import region_elsewhere
from workers.office import systems
from workers.runtime.resources import Resources
from workers.settings import Regions

System = Literal["hubspot", "salesforce"]

Connection = AsyncConnection[DictRow]


@dataclass(frozen=True)
class Book:
    """`book.Following`, and what imports and comparisons need, by the gateway.

    The gateway is imported when it is needed: it brings FastAPI, which a dispatcher that follows nothing does without.
    """

    system: System
    ttl_seconds: int
    """Of a message to a lead's process."""
    regions: Regions

    def ours(self, lead: Mapping[str, Any]) -> bool:
        """See `importing.Ours`."""
        return region_elsewhere(lead, self.regions.elsewhere) is None

    async def change(self, connection: Connection, lead_id: str, lead: Lead, values: Mapping[str, str | None]) -> None:
        """See `Following.change`."""
        from workers.gateway import following  # noqa: PLC0415 - see the class

        await following.change(connection, lead_id, lead, values, actor=self.system)

    async def take_over(self, connection: Connection, lead_id: str, owner_id: str, state: str) -> None:
        """See `Following.take_over`."""
        from workers.gateway import following  # noqa: PLC0415 - see the class

        await following.take_over(
            connection, lead_id, owner_id, state=state, actor=self.system, ttl_seconds=self.ttl_seconds
        )

    async def withdraw(self, connection: Connection, lead_id: str, why: str) -> bool:
        """See `Following.withdraw`."""
        from workers.gateway import commands  # noqa: PLC0415 - see the class

        try:
            return await commands.withdraw(connection, lead_id, why, actor=self.system, ttl_seconds=self.ttl_seconds)
        except commands.LeadFinished:
            return False

    async def ended(self, connection: Connection, lead_id: str, outcome: Outcome) -> None:
        """See `Following.ended`."""
        from workers.gateway import commands  # noqa: PLC0415 - see the class

        await commands.record_outcome(connection, lead_id, outcome.converted, at=outcome.at, actor=self.system)

    async def note(self, connection: Connection, lead_id: str, action: str, why: str, **facts: object) -> None:
        """See `Following.note`."""
        from workers.gateway import following  # noqa: PLC0415 - see the class

        await following.note(connection, lead_id, self.system, action, why, **facts)

    async def take_owned(self, connection: Connection, leads: Sequence[Owned]) -> Mapping[str, str]:
        """See `importing.TakeOwned`."""
        from workers.gateway import following  # noqa: PLC0415 - see the class

        known = [
            following.Known(
                self.system,
                one.external_id,
                one.raw,
                one.lead,
                one.owner_id,
                one.created_at,
                converted=one.outcome.converted if one.outcome else None,
                outcome_at=(one.outcome.at or one.created_at) if one.outcome else None,
            )
            for one in leads
        ]
        return await following.take_known(connection, known)

    async def route(self, connection: Connection, leads: Sequence[Mapping[str, Any]]) -> int:
        """See `importing.Route`."""
        from workers.gateway import intake  # noqa: PLC0415 - see the class

        taken = await intake.take(connection, [intake.fitting(lead) for lead in leads], ttl_seconds=self.ttl_seconds)
        return sum(not one.duplicate for one in taken)

    async def outgoing(self, connection: Connection, lead_ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """See `reconciling.Outgoing`."""
        from workers.gateway import following  # noqa: PLC0415 - see the class

        return await following.outgoing(connection, lead_ids)

    async def resend(self, connection: Connection, lead_ids: Sequence[str], run: int) -> set[str]:
        """See `reconciling.Resend`."""
        from workers.gateway import following  # noqa: PLC0415 - see the class

        return await following.resend(connection, lead_ids, run)


def side(resources: Resources, system: System, *, many: bool = False) -> Side:
    """The account of the settings; `many`: for work on all its records, which may take its time.

    Raises:
        NotConnected: how to log in is not set.
        WrongMapping: the mapping can't be used.
    """
    database = systems.crm(resources)
    if system == "hubspot":
        from workers.connectors.hubspot import making, side  # noqa: PLC0415 - only what is used is imported

        return side.HubSpotSide(making.hubspot(resources, database, seconds=DELIVERING_SECONDS))
    from workers.connectors.salesforce import making as making_salesforce  # noqa: PLC0415 - likewise
    from workers.connectors.salesforce import side as salesforce  # noqa: PLC0415 - likewise

    jobs = making_salesforce.jobs(resources, database) if many else None
    return salesforce.SalesforceSide(
        making_salesforce.salesforce(resources, database, seconds=DELIVERING_SECONDS), jobs
    )


def follower(resources: Resources, system: System, *, ask: Patience = patiently, many: bool = False) -> Follower:
    """Who follows changes; `many` as in `side`.

    Raises:
        NotConnected, WrongMapping: as `side`.
    """
    return Follower(Keeper(side(resources, system, many=many), resources.pool, _book(resources, system), ask))


def importing(resources: Resources, system: System) -> Import:
    """The first import.

    Raises:
        NotConnected, WrongMapping: as `side`.
    """
    book = _book(resources, system)
    return Import(
        side(resources, system, many=True), resources.pool, book.take_owned, book.route, book.ended, book.ours
    )


def reconciliation(resources: Resources, system: System) -> Reconciliation:
    """The comparison.

    Raises:
        NotConnected, WrongMapping: as `side`.
    """
    book = _book(resources, system)
    return Reconciliation(
        follower(resources, system, many=True), resources.pool, book.route, book.outgoing, book.resend, book.ours
    )


def _book(resources: Resources, system: System) -> Book:
    return Book(system, resources.settings.gateway.message_ttl_seconds, resources.settings.regions)
