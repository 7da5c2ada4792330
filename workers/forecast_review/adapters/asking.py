"""Asking for a review: the message that starts the process. HTTP, the command line and upkeep share it."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.forecast_review.domain.organisation import Reason, forecast_id_of
from workers.runtime.outbox import put

MESSAGE_SECONDS = 3_600
"""How long the engine keeps the message, and recognises a repeat."""


async def ask_review(
    connection: AsyncConnection[DictRow], organisation: str, reason: Reason, asked_by: str, at: datetime
) -> tuple[str, bool]:
    """Put the message that starts a review into the outbox; its id, and False if it was asked for in that second."""
    forecast_id = forecast_id_of(organisation, at)
    asked = await put(
        connection,
        "zeebe.message",
        forecast_id,
        f"forecast_requested:{forecast_id}",
        {
            "name": "forecast_requested",
            "correlation_key": forecast_id,
            "variables": {
                "forecast_id": forecast_id,
                "organisation": organisation,
                "reason": reason,
                "asked_by": asked_by,
            },
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )
    return forecast_id, asked
