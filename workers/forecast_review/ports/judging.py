"""Judging: published forecasts against what came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from workers.forecast_review.domain.organisation import Organisation, Reason
from workers.forecast_review.domain.upkeep import Health


class JudgingDesk(Protocol):
    """All of it happens in the job's transaction; long work is done in a thread beside the event loop."""

    async def organisations(self, only: str | None) -> Sequence[str]:
        """Organisations to look at: those whose forecast was published, or that have a schedule; `only`: that one.

        Raises:
            PermanentError: `only` names none that there is.
        """
        ...

    async def judge(self, organisation: Organisation, now: datetime) -> Health:
        """Hold the version in use against the sales since, keep each segment's figures, and tell how it is.

        Raises:
            ErpDown: sales come from the ERP, and it did not answer.
        """
        ...

    async def ask(self, organisation: str, reason: Reason, asked_by: str, now: datetime) -> str:
        """Ask for a review by message; returns its id."""
        ...
