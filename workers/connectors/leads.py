"""Another system as the CRM of lead routing: what is the same for all in which a lead is a record with an owner.

Which record is which lead is told by a field of our own with unique values. A record that was there before, by its id or
its e-mail address, is taken over: what people have filled in stays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

from workers.connectors.answers import Json, SystemConflict, SystemDown, SystemPause
from workers.connectors.mapping import LeadMapping
from workers.connectors.people import Book, Owners
from workers.connectors.records import Record, number
from workers.lead_routing.domain.matching import CrmAccount, Enrichment
from workers.lead_routing.domain.places import country_code
from workers.lead_routing.ports.crm import CrmDown, CrmLead, CrmResting, Status, applies
from workers.runtime.breaker import Breaker
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow

Pending = Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]  # Any: JSON
"""Changes of a lead that are still on their way to the CRM, in their order."""

Noted = Callable[[str, Record, tuple[str | None] | None], Awaitable[None]]
"""Notes what a lead's record says after a change was written, and whom that gave it to; None: to nobody else."""

C = TypeVar("C")
"""A system's client."""
M = TypeVar("M", bound=LeadMapping)

_STATUSES = get_args(Status)


@dataclass(frozen=True)
class System(ABC, Generic[C, M]):
    """What a process shares that speaks to the system."""

    client: C
    mapping: M
    owners: Owners[C]
    book: Book
    breaker: Breaker

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[C]:
        """The client, whose failures are those of the port.

        Raises:
            CrmDown: no usable answer.
            CrmResting: the system asked for a pause, or failed several times in a row.
            AddressRefused: the address in the settings is not one that may be asked.
        """
        try:
            with self.breaker.guard(SystemDown):
                yield self.client
        except SystemPause as pause:
            raise CrmResting(str(pause), retry_after=pause.retry_after) from pause
        except (SystemDown, SystemConflict) as error:
            raise CrmDown(str(error)) from error

    @abstractmethod
    async def record(self, lead_id: str) -> tuple[Record | None, bool]:
        """A lead's record, and whether the lead holds it; another one may since."""

    @abstractmethod
    async def write(self, lead_id: str, record: Record | None, properties: Mapping[str, str], change: Json) -> Record:
        """Write a lead's record, None: a new one; what stands there afterwards.

        Raises:
            SystemConflict: somebody changed the record since it was read.
        """

    async def finish(self, record: Record, change: Json) -> None:
        """What belongs to a change beside the record itself; done again by each repeat."""
        return

    async def account(self, company: Record) -> CrmAccount:
        """A company as lead routing knows it."""
        owner = await self.owners.person(self.client, company.get(self.mapping.owner))
        country = self.mapping.company_value(company, "country")
        return CrmAccount(
            id=company.id,
            name=self.mapping.company_value(company, "name") or "",
            domain=self.mapping.company_value(company, "domain"),
            country=(country_code(country) or country) if country else None,
            phone=self.mapping.company_value(company, "phone"),
            owner_id=owner.id if owner else None,
            owner_name=owner.name if owner else None,
        )

    def enrichment(self, company: Record, open_opportunities: int) -> Enrichment:
        """What is known of a company."""
        employees = number(self.mapping.company_value(company, "employees"))
        return Enrichment(
            employees=None if employees is None else int(employees),
            annual_revenue_eur=number(self.mapping.company_value(company, "annual_revenue_eur")),
            industry=self.mapping.company_value(company, "industry"),
            open_opportunities=open_opportunities,
        )

    async def properties(self, record: Record | None, change: Json, change_id: str) -> dict[str, str]:
        """What a record, None: a new one, gets by a change.

        Raises:
            NoOwner: the new owner is not known there.
        """
        kept = self.mapping.kept
        found = self.mapping.properties(change.get("fields", {}), record)
        found[kept.change] = change_id
        if "status" in change:
            found[kept.status] = str(change["status"])
        if "owner_id" in change:
            found[self.mapping.owner] = await self.owners.owner_id(self.client, change["owner_id"])
        return found

    async def owner(self, record: Record | None) -> str | None:
        """Whose a record is, as lead routing knows the person."""
        found = await self.owners.person(self.client, record.get(self.mapping.owner)) if record else None
        return found.id if found else None


class LeadReading:
    """`Crm.lead` on a system."""

    def __init__(self, system: System[Any, Any], pending: Pending) -> None:  # Any: whichever system it is
        self._leads = system
        self._pending = pending

    async def lead(self, lead_id: str) -> CrmLead | None:
        """See `Crm.lead`."""
        # First what is under way, then the system: a change that arrives in between is seen twice, never missed.
        pending = await self._pending(lead_id)
        async with self._leads.asked():
            record, held = await self._leads.record(lead_id)
            owner = await self._leads.owner(record)
        if record is None and not pending:
            return None
        status = record.get(self._leads.mapping.kept.status) if record and held else None
        state: dict[str, Any] = {"owner_id": owner, "status": status if status in _STATUSES else "new"}
        for change in pending:
            if applies(change, state["owner_id"]):
                state.update({key: change[key] for key in ("owner_id", "status") if key in change})
        return CrmLead(**state)


class LeadDelivery:
    """Carries changes of leads to a system; for the payload see `lead_routing.adapters.crm.CrmDelivery`.

    A record is made, or taken over, only by a change that brings the lead's fields. A repeat is known by the last
    change's id on the record; it would change nothing anyway, unless somebody changed the record in between.
    """

    def __init__(self, system: System[Any, Any], noted: Noted) -> None:  # Any: whichever system it is
        self._leads = system
        self._noted = noted

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row.

        Raises:
            CrmDown: no usable answer, or a pause is asked for (`CrmResting`).
            PermanentError: the change is refused, the new owner is not known there, or the payload is not ours.
        """
        change = row.payload
        lead_id = change.get("lead_id")
        if not isinstance(lead_id, str):
            raise PermanentError("This change for the CRM names no lead; drop it, or correct its payload.")
        kept = self._leads.mapping.kept
        async with self._leads.asked():
            record, held = await self._leads.record(lead_id)
            brings_fields = "fields" in change and "owner_id" in change
            if not brings_fields and (record is None or not (held or record.get(kept.lead_id) is None)):
                return
            written, properties = record, dict[str, str]()
            if record is None or record.get(kept.change) != row.external_id:
                if not applies(change, await self._leads.owner(record)):
                    return
                properties = await self._properties(record, change, row.external_id)
                written = await self._leads.write(lead_id, record, properties, change)
            # Also for a repeat, as it may have broken off in between.
            if written is not None:
                await self._leads.finish(written, change)
                stands = Record(written.id, {**(record.properties if record else {}), **properties})
                await self._noted(lead_id, stands, await self._given(stands, change))

    async def _given(self, stands: Record, change: Json) -> tuple[str | None] | None:
        """Whom the change gave the record to, if it says so and the record still does; else None."""
        if "owner_id" not in change:
            return None
        owner = await self._leads.owner(stands)
        return (owner,) if owner == change["owner_id"] else None

    async def _properties(self, record: Record | None, change: Json, change_id: str) -> dict[str, str]:
        fields: Mapping[str, Any] = change.get("fields", {})
        if fields:
            # The process says what it began with; what was changed since, here or there, must not be undone.
            now = await self._leads.book.fields(change["lead_id"])
            change = {**change, "fields": {name: now.get(name, value) for name, value in fields.items()}}
        return await self._leads.properties(record, change, change_id)
