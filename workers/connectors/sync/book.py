"""What keeping leads equal needs of our book; `making.Book` gives it, by the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.sync.side import Outcome
from workers.lead_routing.domain.lead import Lead

Connection = AsyncConnection[DictRow]


class Following(Protocol):
    """What our book does when a record changed; the gateway's `following` and `commands`."""

    async def change(self, connection: Connection, lead_id: str, lead: Lead, values: Mapping[str, str | None]) -> None:
        """Give a lead other values."""
        ...

    async def take_over(self, connection: Connection, lead_id: str, owner_id: str, state: str) -> None:
        """Somebody gave the lead to this owner."""
        ...

    async def withdraw(self, connection: Connection, lead_id: str, why: str) -> bool:
        """Stop working on the lead; False if there is nothing to stop."""
        ...

    async def ended(self, connection: Connection, lead_id: str, outcome: Outcome) -> None:
        """Take how the lead ended; see `side.Ended`."""
        ...

    async def note(self, connection: Connection, lead_id: str, action: str, why: str, **facts: object) -> None:
        """Add to the lead's timeline."""
        ...
