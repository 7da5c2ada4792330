"""Which field of Salesforce holds what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from workers.connectors import mapping
from workers.connectors.accounts import AccountField, TerritoriesMapping
from workers.connectors.mapping import CompanyField, LeadField
from workers.connectors.opportunities.mapping import OpportunityField, OpportunityMapping, RankingField
from workers.connectors.publishing.quotas import QuotaMapping
from workers.connectors.records import Record
from workers.connectors.salesforce.read import CHANGED

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]


class Keeps(mapping.Keeps):
    """Fields of a lead that are Fairlead's own."""

    lead_id: Name
    status: Name
    change: Name
    account: Name
    """A lookup: Salesforce itself knows no account of a lead before it is converted."""


class Place(mapping.Place):
    """Where a field of a lead is."""

    property: Name


class Territories(TerritoriesMapping):
    """See `TerritoriesMapping`."""

    account: Name = "Id"
    read: Mapping[AccountField, Name] = {}


class Opportunities(OpportunityMapping):
    """See `OpportunityMapping`."""

    read: Mapping[OpportunityField, Name]
    write: Mapping[RankingField, Name] = {}


class Quotas(QuotaMapping):
    """See `QuotaMapping`."""

    forecast_type: Name = "OpportunityRevenue"
    """Its API name: which of the organisation's forecasts has the quotas."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Of an organisation that has only one."""


class FieldMapping(mapping.LeadMapping):
    """The whole of it."""

    owner = "OwnerId"
    package = str(__package__)

    keeps: Keeps
    queue: Name | None = None
    """Where leads lie that nobody owns; None: with the user that we log in as."""
    lead: dict[LeadField, Place]
    not_converted: list[str] = Field(default_factory=list, max_length=20)
    """Values of Salesforce's own Status that mean that nothing came of a lead."""
    attributes: list[Name] = Field(default_factory=list, max_length=80)
    account: dict[CompanyField, Name]

    territories: Territories = Territories()
    quota: Quotas = Quotas()
    opportunity: Opportunities | None = None

    @property
    def kept(self) -> Keeps:
        """See `LeadMapping.kept`."""
        return self.keeps

    @property
    def places(self) -> Mapping[LeadField, mapping.Place]:
        """See `LeadMapping.places`."""
        return self.lead

    @property
    def others(self) -> Sequence[str]:
        """See `LeadMapping.others`."""
        return self.attributes

    @property
    def of_companies(self) -> Mapping[CompanyField, str]:
        """See `LeadMapping.of_companies`."""
        return self.account

    def of_lead(self) -> set[str]:
        """See `LeadMapping.of_lead`."""
        return super().of_lead() | {"Id", CHANGED}

    def of_company(self) -> set[str]:
        """See `LeadMapping.of_company`."""
        return super().of_company() | {"Id"}

    def company_value(self, company: Record, field: CompanyField) -> str | None:
        """See `LeadMapping.company_value`. An account has no domain, but an address on the web."""
        value = super().company_value(company, field)
        return host(value) if field == "domain" and value else value


def host(website: str) -> str | None:
    """The domain in an address that people typed, as ``www.acme.es`` or ``https://acme.es/en``."""
    try:
        found = urlsplit(website if "//" in website else f"//{website}").hostname
    except ValueError:
        return None
    return found.removeprefix("www.").strip(".") or None if found else None
