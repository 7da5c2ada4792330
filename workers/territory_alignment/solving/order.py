"""What a search in a process of its own is asked for, and what it answers. Nothing heavy is imported here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Row = Mapping[str, str]
"""Column → cell."""
ClashKind = Literal["rules", "time", "input"]
"""Why there is no plan: rules clash, time or memory was too short, or what was asked for cannot be done."""


@dataclass(frozen=True)
class Order:
    """One search."""

    name: str
    """What is planned; versions of one name are its scenarios."""
    accounts: Sequence[Row]
    reps: Sequence[Row]
    rules: Sequence[Row]
    weights: Mapping[str, float]
    """What differs from the default."""
    seconds: float
    memory_mb: int
    seed: int = 1
    dropped: Sequence[Sequence[str]] = ()
    """Kind and subject of rules that people dropped."""
    leave_out: bool = False
    """Plan without the accounts that nobody may have."""
    locked: Mapping[str, str] = field(default_factory=dict)
    forbidden: Sequence[Sequence[str]] = ()
    leaving: Sequence[str] = ()
    joining: Sequence[str] = ()
    """Reps of `reps`."""
    published: bool = False
    """The plan before is in force."""

    def to_line(self, size: int) -> bytes:
        """The first line; `size` is the number of bytes of the plan before that follow, 0 if there is none."""
        return json.dumps(asdict(self) | {"size": size}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> tuple[Order, int]:
        """The order, and the size of the plan before."""
        content: dict[str, Any] = json.loads(line)  # Any: JSON
        size = content.pop("size")
        return cls(**content), size
