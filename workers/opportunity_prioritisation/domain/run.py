"""One morning's ranking of an organisation's open opportunities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["open", "done", "nothing", "withdrawn"]
"""``nothing``: there were no open opportunities."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whose opportunities are ranked."""

    id: str
    name: str
    territories: tuple[str, ...]
    minutes_a_day: float
    """What a rep has for open opportunities on a day."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found in the CRM."""

    count: int
    reps: int


def prioritisation_id_of(organisation: str, moment: datetime) -> str:
    """The business id of a ranking that is asked for at a moment (UTC): ``sample_sales-20261126T050000``."""
    return f"{organisation}-{moment:%Y%m%dT%H%M%S}"
