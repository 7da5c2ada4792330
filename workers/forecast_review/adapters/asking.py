"""Asking for a review: the message that starts the process. HTTP, the command line and upkeep share it."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.forecast_review.domain.organisation import Reason, forecast_id_of
from workers.forecast_review.domain.upkeep import upkeep_id
from workers.runtime.outbox import put

MESSAGE_SECONDS = 3_600
"""How long the engine keeps a message, and recognises a repeat."""
TOGETHER_SECONDS = 900
"""Sales that come within this time are looked at together: the diagram forecast_upkeep waits as long before it looks."""


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


async def ask_upkeep(connection: AsyncConnection[DictRow], organisation: str, at: datetime) -> bool:
    """Have an organisation's forecast looked at, soon; False if that was asked for already in this quarter of an hour."""
    occurrence = datetime.fromtimestamp(at.timestamp() // TOGETHER_SECONDS * TOGETHER_SECONDS, UTC).isoformat()
    return await put(
        connection,
        "zeebe.message",
        upkeep_id(organisation),
        f"forecast_upkeep_requested:{organisation}:{occurrence}",
        {
            "name": "forecast_upkeep_requested",
            "correlation_key": organisation,
            "variables": {"organisation": organisation, "occurrence": occurrence},
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )
