"""What can go wrong when territories are cut.

::

    TerritoryError
    ├── InputError     the input cannot be used, or what was asked for cannot be done
    ├── ClashError     no plan keeps all hard rules; carries those that clash
    ├── NoWayError     likewise, where only the limits are known
    ├── NoTimeError    the time was over before any plan was found that keeps the hard rules
    └── NoPlanError    no such version is stored
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.territory_alignment.solving.clashing import Clash


class TerritoryError(Exception):
    """Territories could not be cut."""


class InputError(TerritoryError):
    """The input cannot be used."""


class ClashError(TerritoryError):
    """No plan keeps all hard rules; `clashes` are those that cannot hold together."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        super().__init__("\n".join(clash.text for clash in clashes))
        self.clashes = tuple(clashes)


class NoWayError(TerritoryError):
    """It is proven that no plan keeps all limits."""


class NoTimeError(TerritoryError):
    """No plan was found in the time given; `over` are the positions of reps with more than their limit in the last one."""

    def __init__(self, seconds: float, over: Sequence[int], names: Sequence[str] = ()) -> None:
        who = ", ".join(names or [f"at position {k}" for k in over])
        super().__init__(
            f"in {seconds:.1f} s no plan was found that keeps every limit; in the nearest one these reps are over theirs: {who}. "
            "That there is none is not proven: give more time or room"
        )
        self.seconds, self.over = seconds, tuple(over)


class NoPlanError(TerritoryError):
    """No such plan is stored."""
