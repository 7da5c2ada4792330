"""What became of a lead of ours in another system."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow


@dataclass(frozen=True, slots=True)
class Outcome:
    """It converted there, or it will not."""

    lead_id: str
    converted: bool
    at: datetime | None
    """When that was noted there; None: not known."""


Note = Callable[[AsyncConnection[DictRow], Sequence[Outcome]], Awaitable[int]]
"""Notes outcomes in the connection's transaction, each once; how many are new."""
