"""Asking for quotas, for an adjustment, and withdrawing: the messages. HTTP, the command line and other processes share it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.quota_approval.domain.reviews import Reason, adjustment_id_of, quota_id_of
from workers.runtime.outbox import put

Connection = AsyncConnection[DictRow]

MESSAGE_SECONDS = 3_600
"""How long the engine keeps a message, and recognises a repeat."""


async def ask_quotas(
    connection: Connection, organisation: str, period: str, reason: Reason, asked_by: str, at: datetime
) -> tuple[str, bool]:
    """Put the message that starts a review into the outbox; its id, and False if it was asked for in that second."""
    quota_id = quota_id_of(organisation, at)
    asked = await put(
        connection,
        "zeebe.message",
        quota_id,
        f"quota_requested:{quota_id}",
        {
            "name": "quota_requested",
            "correlation_key": quota_id,
            "variables": {
                "quota_id": quota_id,
                "organisation": organisation,
                "period": period,
                "reason": reason,
                "asked_by": asked_by,
            },
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )
    return quota_id, asked


async def ask_adjustment(
    connection: Connection,
    organisation: str,
    period: str,
    concerned: Sequence[str],
    change_percent: float,
    asked_by: str,
    at: datetime,
) -> tuple[str, bool]:
    """The same within a published period: for these reps and units only, as forecast or territory moved by so much."""
    quota_id = adjustment_id_of(organisation, at, period, concerned, change_percent)
    asked = await put(
        connection,
        "zeebe.message",
        quota_id,
        f"quota_requested:{quota_id}",
        {
            "name": "quota_adjustment_requested",
            "correlation_key": quota_id,
            "variables": {
                "quota_id": quota_id,
                "organisation": organisation,
                "period": period,
                "concerned": list(concerned),
                "change_percent": change_percent,
                "asked_by": asked_by,
            },
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )
    return quota_id, asked
