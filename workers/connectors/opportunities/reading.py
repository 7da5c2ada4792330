"""Open opportunities of another system, and those that were closed there, as opportunity prioritisation knows them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import structlog

from workers.connectors.leads import System
from workers.connectors.opportunities.mapping import OpportunityField, OpportunityMapping
from workers.connectors.records import Record, number
from workers.opportunity_prioritisation.domain.opportunity import Open, Opportunity
from workers.opportunity_prioritisation.ports.crm import Closing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose an opportunity is."""

    id: str
    name: str
    value: float
    """What the account brought in the last two years, or is open of it."""


class Deals(ABC):
    """The opportunities of one system; each method raises what `connectors.answers` has."""

    opened: ClassVar[str]
    """The field that says when it was made."""
    stage: ClassVar[str]
    """The field that says its stage."""

    def __init__(self, mapping: OpportunityMapping) -> None:
        self.mapping = mapping

    @abstractmethod
    async def open(self, owner_ids: Collection[str]) -> Sequence[Record]:
        """Those that are open of some owners, all of them, with the fields of the mapping."""

    @abstractmethod
    async def closed(self, owner_ids: Collection[str], since: datetime) -> Sequence[Closing]:
        """Those that were closed since then."""

    @abstractmethod
    async def won(self, since: datetime) -> Sequence[tuple[Record, datetime]]:
        """Those that were won since then, whoever owns them, with the fields of the mapping; and when each was."""

    @abstractmethod
    async def not_won(self, ids: Collection[str]) -> set[str]:
        """Of some, those of which the system says that they are not won."""

    @abstractmethod
    async def customers(self, deals: Sequence[Record], at: datetime) -> Mapping[str, Customer]:
        """Whose they are, by their ids; those of nobody are left out."""


class OutsideOpportunities:
    """`OpportunitySource` on another system."""

    def __init__(self, system: System[Any, Any], deals: Deals) -> None:  # Any: whichever system it is
        self._system = system
        self._deals = deals

    async def open_of(self, rep_ids: Sequence[str], at: datetime) -> Sequence[Open]:
        """See `OpportunitySource.open_of`."""
        async with self._system.asked():
            owners = await self._owners(rep_ids)
            found = await self._deals.open(owners) if owners else []
            stages = self._deals.mapping.stages
            known = [one for one in found if (one.get(self._deals.stage) or "") in stages]
            customers = await self._deals.customers(known, at) if known else {}
        if others := sorted({one.get(self._deals.stage) or "" for one in found} - stages.keys()):
            log.warning("stages that the mapping does not know", action="stages_unknown", stages=others)
        made = [
            self._open(one, owners[one.get(self._system.mapping.owner) or ""], customers.get(one.id)) for one in known
        ]
        return sorted((one for one in made if one is not None), key=lambda one: one.opportunity.id)

    async def closed_of(self, rep_ids: Sequence[str], since: datetime) -> Sequence[Closing]:
        """See `OpportunitySource.closed_of`."""
        async with self._system.asked():
            owners = await self._owners(rep_ids)
            return await self._deals.closed(owners, since) if owners else []

    async def _owners(self, rep_ids: Sequence[str]) -> dict[str, str]:
        """Owner there → rep; reps who are nobody there have no opportunities there."""
        owners = await self._system.owners.owner_ids(self._system.client, rep_ids)
        for rep in sorted(set(rep_ids) - owners.keys()):
            log.warning("a rep who owns nothing in the CRM", action="rep_without_owner", rep=rep)
        return {owner: rep for rep, owner in owners.items()}

    def _open(self, deal: Record, rep: str, customer: Customer | None) -> Open | None:
        opened = moment(deal.get(self._deals.opened))
        if opened is None:
            return None  # no system answers so
        amount = number(self._said(deal, "amount")) or 0.0
        contacted_at = self._deals.mapping.write.get("contacted_at")
        told = moment(deal.get(contacted_at)) if contacted_at else None
        last = max((one for one in (moment(self._said(deal, "last_contact_at")), told) if one), default=None)
        contacts = number(self._said(deal, "contacts"))
        name = self._said(deal, "name") or deal.id
        opportunity = Opportunity(
            id=deal.id,
            name=name,
            account_id=customer.id if customer else None,
            owner_id=rep,
            stage=self._deals.mapping.stages[deal.get(self._deals.stage) or ""],
            source=self._said(deal, "source") or "",
            amount=amount,
            opened_at=opened,
            stage_since=moment(self._said(deal, "stage_since")) or opened,
            last_contact_at=last,
            contacts=int(last is not None if contacts is None else contacts),
            decision_maker=(self._said(deal, "decision_maker") or "").lower() in {"true", "yes", "1"},
            competitors=_how_many(self._said(deal, "competitors")),
        )
        return Open(
            opportunity, customer.name if customer else name, customer.value if customer else amount, promised=False
        )

    def _said(self, deal: Record, field: OpportunityField) -> str | None:
        name = self._deals.mapping.read.get(field)
        return deal.get(name) if name else None


def moment(text: str | None) -> datetime | None:
    """A date, or date and time, of an answer; a date alone begins at midnight UTC. None: it is none."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def _how_many(text: str | None) -> int:
    """A number, or names divided by ``;``."""
    if text is None:
        return 0
    found = number(text)
    return sum(bool(one.strip()) for one in text.split(";")) if found is None else int(found)
