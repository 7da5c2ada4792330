"""Countries and languages by code or by name, from Unicode's CLDR (Babel)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from babel import Locale
from babel.core import get_global

from workers.lead_routing.domain.text import fold

_NAMED_IN = ("en", "de", "es", "fr", "it", "nl", "pl", "pt")
"""Languages whose names for countries and languages are understood."""

_ALSO = {
    "holland": "NL",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "great britain": "GB",
    "northern ireland": "GB",
    "united states of america": "US",
    "america": "US",
    "u s a": "US",
    "u s": "US",
    "u k": "GB",
    "the netherlands": "NL",
    "czech republic": "CZ",
    "korea": "KR",
    "turkey": "TR",
}
"""Names in use that CLDR does not list."""


def country_code(text: str) -> str | None:
    """ISO 3166-1 alpha-2 code for a code (two or three letters) or a name, or None if unknown."""
    plain = text.strip().upper()
    if plain in _country_codes():
        return plain
    alias = get_global("territory_aliases").get(plain)
    if alias and alias[0] in _country_codes():
        return str(alias[0])
    return _countries_by_name().get(fold(text))


def language_code(text: str) -> str | None:
    """ISO 639-1 code for a code (``es``, ``es-MX``, ``spa``) or a name, or None if unknown."""
    plain = text.strip().lower().replace("_", "-").partition("-")[0]
    if plain in _language_codes():
        return plain
    alias = get_global("language_aliases").get(plain)
    if alias in _language_codes():
        return str(alias)
    return _languages_by_name().get(fold(text))


@lru_cache(maxsize=1)
def _country_codes() -> frozenset[str]:
    # CLDR's territories hold groups and private codes too: ISO assigns none of these.
    not_countries = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"}
    codes = (str(code) for code in Locale.parse("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha()) - not_countries


@lru_cache(maxsize=1)
def _language_codes() -> frozenset[str]:
    codes = (str(code) for code in Locale.parse("en").languages)
    return frozenset(code for code in codes if len(code) == 2)


@lru_cache(maxsize=1)
def _countries_by_name() -> dict[str, str]:
    names = {
        fold(str(name)): str(code)
        for locale in reversed(_NAMED_IN)
        for code, name in Locale.parse(locale).territories.items()
        if code in _country_codes()
    }
    return names | _ALSO


@lru_cache(maxsize=1)
def _languages_by_name() -> dict[str, str]:
    names: dict[str, str] = {}
    for locale in reversed(_NAMED_IN):
        names |= _folded(Locale.parse(locale).languages.items())
    # A language's name for itself: "suomi", "čeština".
    for code in ("bg", "cs", "da", "el", "et", "fi", "hu", "lt", "lv", "nb", "ro", "sk", "sl", "sv", "tr"):
        names |= _folded([(code, str(Locale.parse(code).get_language_name(code)))])
    return names


def _folded(named: Iterable[tuple[object, object]]) -> dict[str, str]:
    return {fold(str(name)): str(code) for code, name in named if code in _language_codes()}
