"""The CRM: another system, asked with a time-out and told by upserts that may be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import CrmAccount, Enrichment
from workers.runtime.errors import DependencyDown, TransientError

CHANNEL = "crm.lead"
"""The outbox channel of changes to a lead in the CRM. The payload is a `LeadChange` as JSON."""

TOLD = ("name", "email", "phone", "company", "domain", "country", "language", "industry", "product", "source")
"""Fields of a lead that the CRM gets, so that the owner can work there."""

Status = Literal["new", "assigned", "accepted", "merged", "discarded", "withdrawn"]


class CrmDown(TransientError):
    """The CRM did not answer in time; it is asked again."""

    runbook = "crm-away"


class CrmResting(DependencyDown, CrmDown):
    """The CRM failed too often of late and is not asked for a while."""


@dataclass(frozen=True, slots=True)
class CrmLead:
    """Who has the lead in the CRM, and what it says of its progress."""

    owner_id: str | None
    status: Status


def applies(change: Mapping[str, Any], owner_id: str | None) -> bool:  # Any: JSON
    """Whether a change is made while the lead has this owner in the CRM."""
    return "only_if_owner" not in change or change["only_if_owner"] == owner_id


class Crm(Protocol):
    """What is asked of the CRM while a lead is routed; every method raises `CrmDown` after 2 s without an answer."""

    async def find_accounts(self, lead: Lead) -> Sequence[CrmAccount]:
        """Accounts that share a domain, a name and country, or a telephone number with the lead."""
        ...

    async def enrichment(self, account_id: str) -> Enrichment | None:
        """What the CRM knows of an account, or None if it has no such account."""
        ...

    async def lead(self, lead_id: str) -> CrmLead | None:
        """The lead as it will stand in the CRM once everything sent so far has arrived; None: not there."""
        ...
