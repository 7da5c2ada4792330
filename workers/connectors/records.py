"""A record of another system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the CRM."""

    id: str
    properties: Mapping[str, str | None]
    """All values as text; an empty one is None."""

    def get(self, name: str) -> str | None:
        """A property's value; None if it is empty or was not asked for."""
        value = self.properties.get(name)
        return value if value and isinstance(value, str) else None


def number(text: str | None) -> float | None:
    """A count or an amount; None for what is none."""
    try:
        found = float(text) if text else None
    except ValueError:
        return None
    return found if found is not None and 0 <= found < 1e15 else None
