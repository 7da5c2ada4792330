"""The champions of the review before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Incumbent:
    """What the review before ended with on one node."""

    champion: str
    challenger: str = ""
    """The model that was better then; empty: none."""
    wins: int = 0
    """Reviews in a row at which it was."""


Incumbents = Mapping[str, Incumbent]
"""By node."""
