"""Whose a lead is where several installations share a CRM: by its country as it came in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workers.lead_routing.domain.places import country_code

Elsewhere = Callable[[str | None], str | None]
"""The other region that leads from a country (ISO 3166-1 alpha-2) belong to; None: they are ours."""


def region_elsewhere(lead: Mapping[str, object], elsewhere: Elsewhere) -> str | None:
    """The other region whose lead this is, in whatever form it came in; None: it is ours.

    Each installation gets the same answer, as nothing counts but the lead itself: a country that nobody can read is none. One
    that is no text makes the lead ours, so that it is refused for that and sent nowhere else.
    """
    country = lead.get("country")
    if country is not None and not isinstance(country, str):
        return None
    return elsewhere(country_code(country) if country else None)
