"""A plan that others build on is in use everywhere: the message that tells of it, so that no context knows another."""

from __future__ import annotations

from typing import Literal

from workers.runtime.deliveries import MESSAGES
from workers.runtime.work import Work

Source = Literal["forecast", "territories"]
"""What was published."""
MESSAGE_SECONDS = 3_600
"""How long the engine keeps a message, and recognises a repeat."""


async def tell(work: Work, source: Source, organisation: str, version: str) -> None:
    """Tell whoever plans by it, by a message in the job's transaction; a version is told of once."""
    await work.send(
        MESSAGES,
        {
            "name": "plan_published",
            "correlation_key": version,
            "variables": {"source": source, "organisation": organisation, "occurrence": version},
            "ttl_seconds": MESSAGE_SECONDS,
        },
        external_id=f"plan_published:{version}",
    )
