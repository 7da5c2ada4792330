"""A promise to a customer: what is asked of the process `follow_up`. The same promise starts it once, whoever tells of it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.outbox import put

Subject = Literal["lead", "opportunity"]
Channel = Literal["call", "mail", "meeting", "visit"]
MESSAGE_SECONDS = 3_600
"""How long the engine keeps a message, and recognises a repeat."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Who promised whom a contact, by when and how."""

    subject_kind: Subject
    subject_id: str
    """Of the lead, or of the opportunity in the CRM."""
    rep_id: str
    contact: str
    """Whom: a person or a company, as the rep calls them."""
    channel: Channel
    promised_for: datetime
    """By when."""
    note: str = ""
    promised_by: str = ""
    """Log-in of who told of it."""

    @property
    def id(self) -> str:
        """The business id of its follow-up, the same for the same subject, rep, contact, channel and moment."""
        parts = (self.subject_kind, self.subject_id, self.rep_id, self.contact, self.channel)
        text = "\n".join([*parts, self.promised_for.astimezone(UTC).isoformat()])
        return f"follow-up-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


async def promise(connection: AsyncConnection[DictRow], made: Promise) -> bool:
    """Have it followed up, by a message in the connection's transaction; False if that was asked before."""
    return await put(
        connection,
        "zeebe.message",
        made.id,
        f"follow_up_promised:{made.id}",
        {
            "name": "follow_up_promised",
            "correlation_key": made.id,
            "variables": {
                "follow_up_id": made.id,
                "promise": asdict(made) | {"promised_for": made.promised_for.astimezone(UTC).isoformat()},
            },
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )
