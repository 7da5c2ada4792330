"""An open opportunity as the CRM has it, and what the tables read of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Stage = Literal["qualify", "discover", "propose", "negotiate"]
STAGES: tuple[Stage, ...] = ("qualify", "discover", "propose", "negotiate")
SILENCE = (0, 7, 21, 60)
"""Days without a contact at which another band begins; a band is known by its first day."""


@dataclass(frozen=True, slots=True)
class Opportunity:
    """What is known at a moment; of an open one now, of a closed one when a snapshot was taken."""

    id: str
    name: str
    account_id: str | None
    owner_id: str
    stage: Stage
    source: str
    amount: float
    """EUR."""
    opened_at: datetime
    stage_since: datetime
    last_contact_at: datetime | None
    contacts: int
    decision_maker: bool
    """Whether somebody who decides was spoken to."""
    competitors: int

    def silent_days(self, at: datetime) -> float:
        """Days since the last contact, or since it was opened if there was none."""
        return max((at - (self.last_contact_at or self.opened_at)).total_seconds() / 86_400, 0.0)


@dataclass(frozen=True, slots=True)
class Open:
    """An open opportunity with what is known of its customer and of promises about it."""

    opportunity: Opportunity
    customer: str
    customer_value: float
    """EUR that the account brought in the last two years, and what is open of it."""
    promised: bool
    """Whether a follow-up about it is under way."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Opportunities that the tables treat alike."""

    cell: str
    """Names it: ``propose/21/decides/free``."""
    stage: str
    silent_days: int
    """First day of the band."""
    decision_maker: bool
    promised: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """What the table `next_action` says of a cell."""

    cell: str
    action: str
    """In words; the next best action."""
    minutes: float
    """A rep's time that it takes; 0: nothing is to be done."""
    half_life: float
    """Days after which half of the attention that a contact gave has decayed."""


@dataclass(frozen=True, slots=True)
class TableChance:
    """What the table `win_by_table` says of a cell."""

    cell: str
    chance: float
    why: str


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """What the table of that name says."""

    order: Literal["expected_value", "customer_value"]
    why: str


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """What the table `working_order` reads."""

    cycle_ratio: float | None
    """Median days from opening to closing: of those closed in the last 30 days over those of the 90 days before; None:
    too few to tell."""
    open_per_rep: float


def cell_of(one: Open, at: datetime) -> Cell:
    """The cell of an opportunity at a moment."""
    found = one.opportunity
    silent = max(first for first in SILENCE if first <= found.silent_days(at))
    words = (
        found.stage,
        str(silent),
        "decides" if found.decision_maker else "open",
        "promised" if one.promised else "free",
    )
    return Cell("/".join(words), found.stage, silent, found.decision_maker, one.promised)
