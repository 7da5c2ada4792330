"""What the tasks of this small test context get: their unit of work, and switches that a test turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.runtime.work import Work


@dataclass(frozen=True)
class FlowPorts:
    work: Work
    switches: dict[str, Any]

    async def book(self, business_id: str, turn: int, change: int) -> None:
        await self.work.connection.execute(
            "INSERT INTO public.bookings (business_id, turn, change) VALUES (%s, %s, %s)", (business_id, turn, change)
        )
