"""Which property of a business partner, its address, e-mail address and telephone number holds what of a lead."""

from __future__ import annotations

import base64
import hashlib
import re
import textwrap
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import phonenumbers
from pydantic import Field

from workers.connectors import mapping
from workers.connectors.answers import Json
from workers.runtime.errors import PermanentError

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]
Known = Annotated[
    str,
    Field(
        pattern=r"^(company|first_name|last_name|email|phone|phone_country|phone_national|country|language|website"
        r"|industry|product|attributes\.[^.\s][^.]{0,79})$"
    ),
]
"""A field of a lead."""

PREFIX = "FL"
"""Of our ids in SAP."""
OURS = re.compile(f"{PREFIX}[A-Z0-9]{{1,18}}")
"""One of them."""


class Unfit(PermanentError):
    """What it is to become in SAP can't be made of it as it is; the message says what is missing or too long."""


class Place(mapping.Part):
    """Where a field of a lead goes."""

    name: Name = Field(alias="property")
    more: list[Name] = Field(default_factory=list, max_length=10)
    """Where a longer text goes on."""
    length: int | None = Field(default=None, ge=1)
    """Characters that each of them takes; None: SAP says so itself."""
    write: Literal["if_empty", "always"] = "if_empty"
    otherwise: str | None = None
    """What something new gets if the lead has no such field."""
    required: bool = False

    @property
    def properties(self) -> list[str]:
        """All of them, in their order."""
        return [self.name, *self.more]

    def parts(self, field: str, text: str) -> dict[str, str]:
        """The text, spread over the properties.

        Raises:
            Unfit: it is too long.
        """
        if self.length is None or len(text) <= self.length:
            return {self.name: text}
        parts = textwrap.wrap(text, self.length) if self.more else [text]
        if len(parts) > len(self.properties) or not self.more:
            raise Unfit(
                f"The lead's {field} is longer than SAP's {self.name} takes, {self.length} characters"
                f"{f' in each of {len(self.properties)} properties' if self.more else ''}. Shorten it, then send it again."
            )
        return dict(zip(self.properties, parts, strict=False))


class Entity(mapping.Part):
    """A business partner, or a part of it."""

    fixed: dict[Name, str | bool] = Field(default_factory=dict)
    """What something new gets in any case."""
    fields: dict[Known, Place]

    def made(self, known: Mapping[str, str]) -> Json:
        """A new one; empty if the lead says nothing of it.

        Raises:
            Unfit: a field is missing or too long.
        """
        values: Json = {}
        for field, place in self.fields.items():
            text = known.get(field, place.otherwise)
            if text is None and place.required:
                raise Unfit(
                    f"The lead has no {field}, which SAP needs ({place.name}). Give the lead one, or `otherwise` in"
                    " the mapping, then send it again."
                )
            if text is not None:
                values |= place.parts(field, text)
        return {**self.fixed, **values} if values else {}

    def changed(self, known: Mapping[str, str], found: Mapping[str, Any]) -> Json:  # Any: JSON
        """What changes of one that is there.

        Raises:
            Unfit: a field is too long.
        """
        values: Json = {}
        for field, place in self.fields.items():
            text = known.get(field)
            if text is None or (found.get(place.name) and place.write == "if_empty"):
                continue
            # What a longer text left behind in the properties after it goes too.
            wanted = dict.fromkeys(place.more, "") | place.parts(field, text)
            values |= {name: value for name, value in wanted.items() if value != (found.get(name) or "")}
        return values

    @property
    def properties(self) -> set[str]:
        """All that it speaks of."""
        return {*self.fixed, *(name for place in self.fields.values() for name in place.properties)}


class PartnerMapping(mapping.Mapped):
    """The whole of it."""

    package = str(__package__)

    external_id: Name
    roles: list[Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,6}$")]] = Field(min_length=1, max_length=10)
    organisation: Entity
    person: Entity
    address: Entity
    email: Entity
    phone: Entity


def known(lead: Mapping[str, Any]) -> dict[str, str]:  # Any: JSON
    """What can be said of a lead, by the names that a mapping uses. Languages are upper case, as SAP shows them."""
    given = {name: value for name, value in lead.items() if isinstance(value, str) and value}
    found = {name: given[name] for name in given if name in _AS_THEY_ARE}
    if name := given.get("name"):
        first, _, last = name.rpartition(" ")
        found |= {"last_name": last, **({"first_name": first} if first else {})}
    if language := given.get("language"):
        found["language"] = language.upper()
    found |= _phone(given.get("phone"))
    attributes = lead.get("attributes")
    for name, value in attributes.items() if isinstance(attributes, Mapping) else ():
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            found[f"attributes.{name}"] = str(value).strip()
    return found


_AS_THEY_ARE = ("company", "email", "phone", "country", "website", "industry", "product")


def _phone(number: str | None) -> dict[str, str]:
    try:
        read = phonenumbers.parse(number) if number else None
    except phonenumbers.NumberParseException:
        return {}
    region = phonenumbers.region_code_for_number(read) if read else None
    if read is None or region is None:
        return {}
    return {"phone_country": region, "phone_national": phonenumbers.national_significant_number(read)}


def external_id(lead_id: str) -> str:
    """A lead's id as SAP can keep it: 20 characters, upper case. 90 bits of its SHA-256, so that no two are alike."""
    return PREFIX + base64.b32encode(hashlib.sha256(lead_id.encode()).digest()).decode()[:18]
