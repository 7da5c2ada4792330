"""A team as planning knows it: the segment, unit or region that is called as the team is."""

from __future__ import annotations

from collections.abc import Iterable


def called(team: str, names: Iterable[str]) -> str | None:
    """The one of these names that is the team's id, else the first path that ends with it; None: there is none."""
    found = None
    for name in names:
        if name == team:
            return name
        if found is None and name.rpartition("/")[2] == team:
            found = name
    return found
