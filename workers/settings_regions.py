"""The section of `workers.settings.Settings` that says which leads are this installation's, where several share a CRM."""

from __future__ import annotations

import re
from collections import Counter
from typing import Self

from pydantic import BaseModel, Field, model_validator

_REGION = re.compile(r"[a-z0-9][a-z0-9_-]{0,19}")
_COUNTRY = re.compile(r"[A-Z]{2}")


class Regions(BaseModel):
    """Installations with an engine and a database each, and one CRM. All have the same settings here, but for `here`: so each
    lead belongs to exactly one of them.
    """

    here: str | None = None
    """The name of this one; None: there is no other."""
    countries: dict[str, list[str]] = Field(default_factory=dict)
    """Region → the countries (ISO 3166-1 alpha-2) whose leads are its; none: leads are not divided."""
    otherwise: str | None = None
    """The region of leads from all other countries, and of those that name none, or none that is known."""
    gateways: dict[str, str] = Field(default_factory=dict)
    """Region → the address of its gateway, which whoever sent a lead to the wrong one is told."""

    @model_validator(mode="after")
    def _divided(self) -> Self:
        names = {*self.countries, *((self.otherwise,) if self.otherwise else ())}
        if odd := sorted(name for name in (*names, self.here or "x") if not _REGION.fullmatch(name)):
            raise ValueError(f"a region's name has 1 to 20 small letters, digits, _ or -; {odd[0][:50]!r} is none")
        listed = Counter(code for codes in self.countries.values() for code in codes)
        if odd := sorted(code for code in listed if not _COUNTRY.fullmatch(code)):
            raise ValueError(f"countries are named by two capital letters, as DE; {odd[0][:50]!r} is none")
        if twice := sorted(code for code, times in listed.items() if times > 1):
            raise ValueError(f"{twice[0]} is listed twice; a country belongs to one region")
        if names and (self.otherwise is None or self.here not in names):
            raise ValueError(
                "who divides leads says where all others go (FAIRLEAD_REGIONS__OTHERWISE), and which of these regions this "
                "installation is (FAIRLEAD_REGIONS__HERE)"
            )
        if unknown := sorted(self.gateways.keys() - names):
            raise ValueError(f"there is a gateway of {unknown[0][:50]!r}, which is none of the regions")
        return self

    def of(self, country: str | None) -> str | None:
        """The region of leads from a country (ISO 3166-1 alpha-2, None: not known); None: leads are not divided."""
        return next((region for region, codes in self.countries.items() if country in codes), self.otherwise)

    def elsewhere(self, country: str | None) -> str | None:
        """The other region whose lead it is; None: it is ours."""
        region = self.of(country)
        return None if region == self.here else region
