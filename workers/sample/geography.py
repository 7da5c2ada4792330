"""Where the sample organisation sells: territories, their countries, languages and share of the leads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """A country that leads come from."""

    code: str
    """ISO 3166-1 alpha-2."""
    timezone: str
    languages: tuple[str, ...]
    """ISO 639-1, the most usual first."""
    dial: str
    """International prefix without the plus sign."""
    share: float
    """Part of all leads; the shares of one list add up to 1."""


@dataclass(frozen=True, slots=True)
class Territory:
    """A territory and the people who lead it."""

    id: str
    name: str
    timezone: str
    holidays: str
    """Country whose public holidays count for the territory."""
    countries: tuple[Country, ...]
    team: int
    """Reps who work for this territory alone."""


TERRITORIES = (
    Territory(
        "namer", "North America", "America/New_York", "US",
        (
            Country("US", "America/New_York", ("en", "es"), "1", 0.24),
            Country("CA", "America/Toronto", ("en", "fr"), "1", 0.06),
            Country("MX", "America/Mexico_City", ("es",), "52", 0.03),
        ),
        6,
    ),
    Territory(
        "uki", "United Kingdom and Ireland", "Europe/London", "GB",
        (
            Country("GB", "Europe/London", ("en",), "44", 0.12),
            Country("IE", "Europe/Dublin", ("en",), "353", 0.03),
        ),
        4,
    ),
    Territory(
        "dach", "Germany, Austria and Switzerland", "Europe/Berlin", "DE",
        (
            Country("DE", "Europe/Berlin", ("de",), "49", 0.12),
            Country("AT", "Europe/Vienna", ("de",), "43", 0.03),
            Country("CH", "Europe/Zurich", ("de", "fr", "it"), "41", 0.03),
        ),
        5,
    ),
    Territory(
        "southern_europe", "France, Iberia, Italy and Belgium", "Europe/Paris", "FR",
        (
            Country("FR", "Europe/Paris", ("fr",), "33", 0.06),
            Country("ES", "Europe/Madrid", ("es",), "34", 0.04),
            Country("IT", "Europe/Rome", ("it",), "39", 0.03),
            Country("PT", "Europe/Lisbon", ("pt",), "351", 0.01),
            Country("BE", "Europe/Brussels", ("fr", "nl"), "32", 0.02),
        ),
        5,
    ),
    Territory(
        "nordics", "Nordics and the Netherlands", "Europe/Stockholm", "SE",
        (
            Country("SE", "Europe/Stockholm", ("sv",), "46", 0.03),
            Country("NO", "Europe/Oslo", ("no",), "47", 0.01),
            Country("DK", "Europe/Copenhagen", ("da",), "45", 0.01),
            Country("FI", "Europe/Helsinki", ("fi",), "358", 0.01),
            Country("NL", "Europe/Amsterdam", ("nl",), "31", 0.03),
        ),
        4,
    ),
    Territory(
        "apac", "Asia-Pacific", "Asia/Singapore", "SG",
        (
            Country("AU", "Australia/Sydney", ("en",), "61", 0.04),
            Country("NZ", "Pacific/Auckland", ("en",), "64", 0.01),
            Country("SG", "Asia/Singapore", ("en",), "65", 0.01),
            Country("JP", "Asia/Tokyo", ("ja",), "81", 0.01),
            Country("IN", "Asia/Kolkata", ("en", "hi"), "91", 0.01),
            Country("KR", "Asia/Seoul", ("ko",), "82", 0.01),
        ),
        4,
    ),
)  # fmt: skip

COUNTRIES = tuple(country for territory in TERRITORIES for country in territory.countries)

ELSEWHERE = (
    Country("BR", "America/Sao_Paulo", ("pt",), "55", 0.4),
    Country("ZA", "Africa/Johannesburg", ("en",), "27", 0.3),
    Country("AE", "Asia/Dubai", ("en",), "971", 0.3),
)
"""Countries of no territory: leads from there must end in triage. Shares are of these leads alone."""

TERRITORY_OF = {country.code: territory.id for territory in TERRITORIES for country in territory.countries}
