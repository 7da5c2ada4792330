"""The pages: templates that escape whatever they are given, and how moments and durations are written."""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from workers.control_room.kpis import Unit

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}

PLACES = {
    "/control": ("today", "Today"),
    "/control/forecasts": ("forecasts", "Forecast"),
    "/control/quotas": ("quotas", "Quotas"),
    "/control/territories": ("territories", "Territories"),
    "/control/processes": ("processes", "Processes"),
    "/control/what-if": ("what-if", "What if"),
    "/control/operations": ("operations", "Operations"),
}
"""Pages that each page leads to: by address what a page calls itself (``active``) and how it is called."""
OPENS: ContextVar[frozenset[str]] = ContextVar("OPENS", default=frozenset(PLACES))
"""Those of them that may be opened by who asks now."""
SIGNED_IN: ContextVar[bool] = ContextVar("SIGNED_IN", default=False)
"""Whether who asks now is known, so that there is something to sign out of."""
REGION: ContextVar[str | None] = ContextVar("REGION", default=None)
"""Whose pages these are, where several installations share a CRM."""

UNKNOWN = "\N{EN DASH}"
"""What stands for a figure that is not known."""

_STEPS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates."""
    found = Environment(
        loader=PackageLoader("workers.control_room", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "duration": duration,
        "moment": moment,
        "number": number,
        "cents": cents,
        "kpi": kpi,
        "percent": percent,
        "sentence": sentence,
        "words": words,
    }
    found.globals |= {
        "static": address_of,
        "now": lambda: datetime.now(UTC),
        "opens": lambda where: where in OPENS.get(),
        "places": lambda: [(where, *told) for where, told in PLACES.items() if where in OPENS.get()],
        "own_region": REGION.get,
        "signed_in": SIGNED_IN.get,
    }
    return found


def compile_pages() -> None:
    """Make ready what `render` else makes when a page is asked for first: of the largest that takes longer than the rest."""
    for name in environment().list_templates(extensions=["html"]):
        environment().get_template(name)


def render(template: str, **given: object) -> str:
    """A page as HTML."""
    return environment().get_template(template).render(**given)


@lru_cache(maxsize=64)
def address_of(name: str) -> str:
    """Address of a static file; it changes with the file, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/control/static/{name}?v={digest}"


@lru_cache(maxsize=1)
def static_names() -> frozenset[str]:
    """The static files that there are, as paths below `STATIC`."""
    return frozenset(
        file.relative_to(STATIC).as_posix()
        for file in STATIC.rglob("*")
        if file.suffix in MEDIA_TYPES and file.is_file()
    )


def duration(seconds: float | None) -> str:
    """``0.8 s``, ``42 s``, ``5 min 10 s``, ``3 h 20 min``, ``2 d 4 h``; a dash if unknown."""
    if seconds is None:
        return UNKNOWN
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    size, name, smaller, part = next((one for one in _STEPS if whole >= one[0]), (0, "", 1, ""))
    if not name:
        return f"{whole} s"
    number, rest = divmod(round(whole / smaller), size // smaller)
    return f"{number} {name} {rest} {part}" if rest else f"{number} {name}"


def moment(at: datetime | None) -> str:
    """``2026-03-04 09:15:02`` in UTC; a dash if there is none."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def number(value: float | None, digits: int = 0) -> str:
    """With thin separators between thousands; a dash if unknown."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def cents(amount: int | None) -> str:
    """Whole cents as money, ``1 234 567.89`` with thin separators; a dash if unknown."""
    if amount is None:
        return UNKNOWN
    whole, rest = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{number(whole)}.{rest:02}"


def percent(value: float | None) -> str:
    """A share from 0 to 1 as ``93.4 %``; a dash if unknown."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def kpi(value: float | None, unit: Unit) -> str:
    """A KPI's value in its unit."""
    if unit == "seconds":
        return duration(value)
    if unit == "eur_per_day":
        return UNKNOWN if value is None else f"{number(value)} €/day"
    return percent(value) if unit == "ratio" else number(value, 1)


def words(name: str) -> str:
    """An id in snake_case as words: ``accept_lead`` → ``Accept lead``."""
    return name.replace("__", " · ").replace("_", " ").capitalize()


def sentence(text: str | None) -> str:
    """Words as a sentence: with a capital letter and a full stop."""
    bare = (text or "").strip().rstrip(".")
    return f"{bare[:1].upper()}{bare[1:]}." if bare else ""
