"""Asking for an alignment: the message that starts the process. HTTP, the command line and other processes share it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.outbox import put
from workers.territory_alignment.domain.organisation import Reason, alignment_id_of

MESSAGE_SECONDS = 3_600
"""How long the engine keeps a message, and recognises a repeat."""


async def ask_alignment(
    connection: AsyncConnection[DictRow],
    organisation: str,
    reason: Reason,
    asked_by: str,
    at: datetime,
    *,
    leaving: Sequence[str] = (),
    joining: Sequence[str] = (),
    effective_from: date | None = None,
) -> tuple[str, bool]:
    """Put the message that starts an alignment into the outbox; its id, and False if it was asked for in that second."""
    alignment_id = alignment_id_of(organisation, at)
    asked = await put(
        connection,
        "zeebe.message",
        alignment_id,
        f"territories_requested:{alignment_id}",
        {
            "name": "territories_requested",
            "correlation_key": alignment_id,
            "variables": {
                "alignment_id": alignment_id,
                "organisation": organisation,
                "reason": reason,
                "asked_by": asked_by,
                "leaving": " ".join(leaving),
                "joining": " ".join(joining),
                "effective_from": None if effective_from is None else effective_from.isoformat(),
            },
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )
    return alignment_id, asked
