"""People by their log-ins, as they type them into forms."""

from __future__ import annotations


def same_person(one: str, other: str) -> bool:
    """Whether two log-ins are the same person's."""
    return one.strip().casefold() == other.strip().casefold()
