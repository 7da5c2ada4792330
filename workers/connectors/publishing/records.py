"""Records of another system, as a change of many sees them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from workers.connectors.answers import Fault, SystemDown

Values = Mapping[str, str | None]
"""Field → what stands there; None: nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record that is there."""

    record_id: str
    values: Values
    parent: str = ""
    """The record that the system locks when it writes this one; empty: none."""


class Records(ABC):
    """One kind of record, and the fields of it that are written."""

    title: ClassVar[str]
    """Of the system, in messages."""
    batch: ClassVar[int]
    """So many are read, and written, by one request."""

    def __init__(self, fields: Collection[str], numbers: Collection[str] = ()) -> None:
        """`numbers`: those of the fields that hold numbers, which a system may write in another way than we do."""
        self.fields = sorted(fields)
        self._numbers = frozenset(numbers)

    @abstractmethod
    async def find(self, names: Collection[str]) -> Mapping[str, Found]:
        """Records by what we call them, `batch` at most; those that are not there are left out.

        Raises:
            SystemDown, SystemPause, SystemRefused: see `connectors.answers`.
        """

    @abstractmethod
    async def read(self, record_ids: Collection[str]) -> Mapping[str, Found]:
        """Likewise, by what they are called there."""

    @abstractmethod
    async def write(self, values: Mapping[str, tuple[Values, str]]) -> Mapping[str, Exception]:
        """Write values into records, `batch` at most, by what they are called there, with the parent of each.

        What was wrong with those that were not written, as `connectors.answers` has it: `SystemRefused` is for good, the
        others are worth another try.

        Raises:
            SystemDown, SystemPause, SystemRefused: of all of them; what became of each is not known.
        """

    def say(self, found: Found, wanted: Values) -> bool:
        """Whether a record says what is wanted, in the fields that `wanted` names."""
        return all(self._same(name, found.values.get(name), value) for name, value in wanted.items())

    def _wrong(self, sent: Collection[str], outcomes: Mapping[str, object], what: str) -> dict[str, Exception]:
        """What `write` gives, by the outcomes of what was sent; of which nothing is told, that may have been written or not."""
        wrong = {one: found.raised(what) for one, found in outcomes.items() if isinstance(found, Fault)}
        untold = SystemDown(f"{self.title}'s answer does not say what became of a record; it is sent again.")
        return wrong | dict.fromkeys(set(sent) - outcomes.keys(), untold)

    def _same(self, name: str, one: str | None, other: str | None) -> bool:
        if one and other and name in self._numbers:
            try:
                return abs(float(one) - float(other)) < 0.005  # amounts have two places
            except ValueError:
                return one == other
        return (one or None) == (other or None)
