"""Which field of another system holds what: data, in YAML, that a team changes without touching code.

Each connector's own `mapping` says which names there can be, and has the file that comes with Fairlead beside it.
"""

from __future__ import annotations

import importlib.resources
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from workers.connectors.records import Record
from workers.runtime.errors import PermanentError

LeadField = Literal[
    "email", "first_name", "last_name", "phone", "company", "country", "language", "website", "industry", "message",
    "product", "job_level",
]  # fmt: skip
CompanyField = Literal["name", "domain", "country", "phone", "industry", "employees", "annual_revenue_eur"]


class WrongMapping(PermanentError):
    """The mapping can't be used; the message says where it is wrong."""


class Part(BaseModel):
    """A part of a mapping; what it does not know is wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Mapped(Part):
    """A whole mapping, of which one comes with Fairlead."""

    package: ClassVar[str]
    """Where that file is."""
    file: ClassVar[str] = "mapping.yaml"


class Keeps(Part):
    """Fields of a lead's record that are Fairlead's own."""

    lead_id: str
    status: str
    change: str


class Place(Part):
    """Where a field of a lead is."""

    property: str
    read: bool = True
    write: Literal["if_empty", "always", "never"]
    sync: Literal["newest", "ask", "ours", "theirs", "never"] = "newest"
    """What counts if both sides changed the field since they last agreed; a change of one side alone always counts, but
    for ``ours`` and ``theirs``, where the same side always does. ``never``: it is not kept equal."""
    otherwise: str | None = None
    """What a new record gets if the lead has no such field."""


class LeadMapping(Mapped):
    """A lead's record, and what is read of a company's."""

    owner: ClassVar[str]
    """The system's own field for a record's owner."""

    @property
    @abstractmethod
    def kept(self) -> Keeps:
        """What Fairlead keeps for itself."""

    @property
    @abstractmethod
    def places(self) -> Mapping[LeadField, Place]:
        """Where a lead's fields are."""

    @property
    @abstractmethod
    def others(self) -> Sequence[str]:
        """What else is read of a lead's record, as its attributes."""

    @property
    @abstractmethod
    def of_companies(self) -> Mapping[CompanyField, str]:
        """Where a company's fields are."""

    @property
    def own(self) -> set[str]:
        """The fields that Fairlead keeps for itself."""
        return set(self.kept.model_dump().values())

    @property
    def written(self) -> set[str]:
        """The fields of a lead's record that may be written."""
        return {place.property for place in self.places.values() if place.write != "never"} | {self.owner} | self.own

    def of_lead(self) -> set[str]:
        """All fields of a lead's record that are read or written."""
        places = {place.property for place in self.places.values()}
        return places | set(self.others) | self.own | {self.owner}

    def of_company(self) -> set[str]:
        """All fields of a company that are read."""
        return {*self.of_companies.values(), self.owner}

    def lead_of(self, record: Record) -> dict[str, Any]:  # Any: JSON
        """A lead, as somebody would send it, from a record. Nothing but the mapped fields gets in."""
        found: dict[str, str | None] = {
            field: _said(record, place) for field, place in self.places.items() if place.read
        }
        first, last = found.pop("first_name", None), found.pop("last_name", None)
        name = " ".join(part for part in (first, last) if part) or None
        attributes = {name: record.get(name) for name in self.others}
        lead: dict[str, Any] = {"name": name, **found}
        kept = {field: value for field, value in lead.items() if value is not None}
        return {**kept, "attributes": {name: value for name, value in attributes.items() if value is not None}}

    def properties(self, fields: Mapping[str, Any], record: Record | None) -> dict[str, str]:  # Any: JSON
        """What a record, None: a new one, gets of a lead's fields, by the rule of each."""
        given = {name: str(value) for name, value in fields.items() if value not in {None, ""}}
        if name := given.pop("name", None):
            first, _, last = name.rpartition(" ")
            given |= {"last_name": last, **({"first_name": first} if first else {})}
        written = {}
        for field, place in self.places.items():
            empty = record is None or record.get(place.property) is None
            if field in given and (place.write == "always" or (place.write == "if_empty" and empty)):
                written[place.property] = given[field]
            elif record is None and place.otherwise is not None:
                written[place.property] = place.otherwise
        return written

    def company_value(self, company: Record, field: CompanyField) -> str | None:
        """A field of a company."""
        name = self.of_companies.get(field)
        return company.get(name) if name else None


def _said(record: Record, place: Place) -> str | None:
    """What a record says; nothing where it has only what we gave it for want of anything."""
    value = record.get(place.property)
    return None if value == place.otherwise else value


M = TypeVar("M", bound=Mapped)


def load(kind: type[M], path: Path | None) -> M:
    """The mapping in a file; None: the one that comes with Fairlead.

    Raises:
        WrongMapping: there is no such file, it is no YAML, or something in it is not known.
    """
    try:
        if path is None:
            text = importlib.resources.files(kind.package).joinpath(kind.file).read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return kind.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongMapping(f"The mapping {path} can't be read: {type(error).__name__}.") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)
        )
        raise WrongMapping(f"The mapping {path or 'of Fairlead'} is wrong: {faults}") from None
