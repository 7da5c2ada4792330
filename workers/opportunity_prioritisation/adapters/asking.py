"""Asking for a ranking: the message that starts the process. HTTP, the command line and the timer share it."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.opportunity_prioritisation.domain.run import prioritisation_id_of
from workers.runtime.outbox import put

MESSAGE_SECONDS = 3_600
"""How long the engine keeps a message, and recognises a repeat."""


async def ask_prioritisation(
    connection: AsyncConnection[DictRow], organisation: str, asked_by: str, at: datetime
) -> tuple[str, bool]:
    """Put the message that starts a ranking into the outbox; its id, and False if it was asked for in that second."""
    prioritisation_id = prioritisation_id_of(organisation, at)
    asked = await put(
        connection,
        "zeebe.message",
        prioritisation_id,
        f"prioritisation_requested:{prioritisation_id}",
        {
            "name": "prioritisation_requested",
            "correlation_key": prioritisation_id,
            "variables": {
                "prioritisation_id": prioritisation_id,
                "organisation": organisation,
                "asked_by": asked_by,
            },
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )
    return prioritisation_id, asked
