"""What published forecasts and territories mean for quotas of a period under way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from workers.office.published import Source
from workers.quota_approval.domain.upkeep import DueAdjustment


class UpkeepDesk(Protocol):
    """Works in the job's transaction."""

    async def due(self, source: Source, of: str, least_percent: float, at: datetime) -> Sequence[DueAdjustment]:
        """Of each organisation that plans by the forecast or territories of `of`, the published period that moved most and
        is not over. What moved is held against what the period was planned from, not against the version before: so
        small changes add up, and what was refused as too early comes again with the next version.
        """
        ...

    async def ask(self, due: DueAdjustment, at: datetime) -> str:
        """Start the adjustment by message; the id of its review."""
        ...
