"""Which property of HubSpot holds what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from workers.connectors import mapping
from workers.connectors.accounts import AccountField, TerritoriesMapping
from workers.connectors.mapping import CompanyField, LeadField
from workers.connectors.opportunities.mapping import OpportunityField, OpportunityMapping, RankingField
from workers.connectors.publishing.quotas import QuotaMapping
from workers.connectors.records import Record

Property = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")]


class Keeps(mapping.Keeps):
    """Properties of a contact that are Fairlead's own."""

    lead_id: Property
    status: Property
    change: Property


class Place(mapping.Place):
    """Where a field of a lead is."""

    property: Property


class Says(mapping.Part):
    """What it means if a property has one of these values."""

    property: Property
    values: frozenset[str] = Field(min_length=1, max_length=50)


class Ends(mapping.Part):
    """How a contact says that its lead has ended."""

    converted: Says | None = None
    lost: Says | None = None

    @property
    def properties(self) -> set[str]:
        """What is read for it."""
        return {one.property for one in (self.converted, self.lost) if one is not None}

    def converts(self, contact: Record) -> bool | None:
        """Whether it became business; None: nothing is said yet. Business counts also where a status says otherwise."""
        for says, meant in ((self.converted, True), (self.lost, False)):
            if says is not None and contact.get(says.property) in says.values:
                return meant
        return None


class Territories(TerritoriesMapping):
    """See `TerritoriesMapping`."""

    account: Property = "hs_object_id"
    read: Mapping[AccountField, Property] = {}


class Opportunities(OpportunityMapping):
    """See `OpportunityMapping`."""

    read: Mapping[OpportunityField, Property]
    write: Mapping[RankingField, Property] = {}


class Quotas(QuotaMapping):
    """See `QuotaMapping`."""

    goal: Annotated[str, Field(min_length=1, max_length=200)] = "Sales Quota {year}"
    """What the goal is called; ``{year}``: that in which a period begins."""

    def named(self, year: str) -> str:
        """The name of the goal of a year."""
        return self.goal.replace("{year}", year)


class FieldMapping(mapping.LeadMapping):
    """The whole of it."""

    owner = "hubspot_owner_id"
    package = str(__package__)

    keeps: Keeps
    contact: dict[LeadField, Place]
    attributes: list[Property] = Field(default_factory=list, max_length=80)
    company: dict[CompanyField, Property]
    outcome: Ends = Ends()
    territories: Territories = Territories()
    quota: Quotas = Quotas()
    opportunity: Opportunities | None = None
    brought: Property | None = None
    """The property of a company that says what it has brought."""

    def of_lead(self) -> set[str]:
        """See `LeadMapping.of_lead`; how it ended too."""
        return super().of_lead() | self.outcome.properties

    @property
    def kept(self) -> Keeps:
        """See `LeadMapping.kept`."""
        return self.keeps

    @property
    def places(self) -> Mapping[LeadField, mapping.Place]:
        """See `LeadMapping.places`."""
        return self.contact

    @property
    def others(self) -> Sequence[str]:
        """See `LeadMapping.others`."""
        return self.attributes

    @property
    def of_companies(self) -> Mapping[CompanyField, str]:
        """See `LeadMapping.of_companies`."""
        return self.company
