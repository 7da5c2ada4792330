"""Queries in Salesforce's language, with values that can't be anything but values.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

_ESCAPED = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def text(value: str) -> str:
    """A literal."""
    return f"'{_escaped(value)}'"


def like(*parts: str) -> str:
    """A pattern in which any text may stand between the parts, whose own ``%`` and ``_`` mean themselves."""
    return "'" + "%".join(_escaped(part).replace("%", "\\%").replace("_", "\\_") for part in parts) + "'"


def moment(value: datetime) -> str:
    """A literal of date and time; in whole seconds, as Salesforce's own stamps."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(value: datetime) -> str:
    """A literal of a date, by UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d")


def select(fields: Iterable[str], kind: str, where: str, *, order: str = "", most: int | None = None) -> str:
    """A query; `where` is made of the literals above."""
    ordered = f" ORDER BY {order}" if order else ""
    limit = f" LIMIT {most}" if most else ""
    return f"SELECT {', '.join(sorted(fields))} FROM {kind} WHERE {where}{ordered}{limit}"  # noqa: S608 - SOQL, see above


def _escaped(value: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in value)
