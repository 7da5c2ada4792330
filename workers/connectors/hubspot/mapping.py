"""Which property of HubSpot holds what: data, in YAML, that a team changes without touching code."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.connectors.hubspot.client import Record
from workers.runtime.errors import PermanentError

Property = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")]
ContactField = Literal[
    "email", "first_name", "last_name", "phone", "company", "country", "language", "website", "industry", "message",
    "product", "job_level",
]  # fmt: skip
CompanyField = Literal["name", "domain", "country", "phone", "industry", "employees", "annual_revenue_eur"]

OWNER = "hubspot_owner_id"
"""HubSpot's own property for a record's owner."""


class WrongMapping(PermanentError):
    """The mapping can't be used; the message says where it is wrong."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Keeps(_Model):
    """Properties of a contact that are Fairlead's own."""

    lead_id: Property
    status: Property
    change: Property


class Place(_Model):
    """Where a field of a lead is."""

    property: Property
    read: bool = True
    write: Literal["if_empty", "always", "never"]


class FieldMapping(_Model):
    """The whole of it."""

    keeps: Keeps
    contact: dict[ContactField, Place]
    attributes: list[Property] = Field(default_factory=list, max_length=80)
    company: dict[CompanyField, Property]

    def of_contact(self) -> set[str]:
        """All properties of a contact that are read or written."""
        places = {place.property for place in self.contact.values()}
        return places | set(self.attributes) | set(self.keeps.model_dump().values()) | {OWNER}

    def of_company(self) -> set[str]:
        """All properties of a company that are read."""
        return {*self.company.values(), OWNER}

    def lead(self, contact: Record) -> dict[str, Any]:  # Any: JSON
        """A lead, as somebody would send it, from a contact. Nothing but the mapped properties gets in."""
        found: dict[str, str | None] = {
            field: contact.get(place.property) for field, place in self.contact.items() if place.read
        }
        first, last = found.pop("first_name", None), found.pop("last_name", None)
        name = " ".join(part for part in (first, last) if part) or None
        attributes = {name: contact.get(name) for name in self.attributes}
        lead: dict[str, Any] = {"name": name, **found}
        kept = {field: value for field, value in lead.items() if value is not None}
        return {**kept, "attributes": {name: value for name, value in attributes.items() if value is not None}}

    def properties(self, fields: Mapping[str, Any], contact: Record | None) -> dict[str, str]:  # Any: JSON
        """What a contact gets of a lead's fields, by the rule of each."""
        given = {name: str(value) for name, value in fields.items() if value not in {None, ""}}
        if name := given.pop("name", None):
            first, _, last = name.rpartition(" ")
            given |= {"last_name": last, **({"first_name": first} if first else {})}
        written = {}
        for field, place in self.contact.items():
            empty = contact is None or contact.get(place.property) is None
            if field in given and (place.write == "always" or (place.write == "if_empty" and empty)):
                written[place.property] = given[field]
        return written

    def company_value(self, company: Record, field: CompanyField) -> str | None:
        """A field of a company."""
        name = self.company.get(field)
        return company.get(name) if name else None


def load(path: Path | None) -> FieldMapping:
    """The mapping in a file; None: the one that comes with Fairlead.

    Raises:
        WrongMapping: there is no such file, it is no YAML, or something in it is not known.
    """
    try:
        if path is None:
            text = importlib.resources.files(__package__).joinpath("mapping.yaml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return FieldMapping.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongMapping(f"The mapping {path} can't be read: {type(error).__name__}.") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)
        )
        raise WrongMapping(f"The mapping {path or 'of Fairlead'} is wrong: {faults}") from None
