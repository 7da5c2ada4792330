"""Rooms of Slack and Teams: what is written to somebody by mail goes there as well, or instead.

Shared when the mail is delivered, by outbox rows of the rooms' own channels, so that neither waits for the other: a mail
that is tried again finds the room's row there already. `workers.connectors.chat` posts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import psycopg

from workers.runtime import outbox
from workers.runtime.database import Pool
from workers.runtime.errors import Unreachable
from workers.runtime.outbox import OutboxRow
from workers.settings_out import Room

PREFIX = "chat:"
"""Of the outbox channels, one for each room. The payload is {subject, text}, as the mail has them."""


class Rooms:
    """Passes mails on to rooms."""

    def __init__(self, rooms: Mapping[str, Room], pool: Pool) -> None:
        self._rooms = rooms
        self._pool = pool

    async def share(self, row: OutboxRow) -> OutboxRow | None:
        """Put a mail into the rooms of those that it is written to; the mail for the others, None if nobody is left.

        Raises:
            Unreachable: our database is away; nothing was passed on.
        """
        to, subject, text = (row.payload.get(name) for name in ("to", "subject", "text"))
        if not isinstance(to, list) or not subject or not text:
            return row  # whoever sends it says what is wrong
        wanted = {name: room for name, room in self._rooms.items() if _lower(to) & _lower(room.addresses)}
        if not wanted:
            return row
        try:
            async with self._pool.connection() as connection:
                for name in wanted:
                    await outbox.put(
                        connection,
                        PREFIX + name,
                        row.business_id,
                        f"{row.external_id}/{name}",
                        {"subject": subject, "text": text},
                    )
        except psycopg.OperationalError as error:
            raise Unreachable("Our database does not answer.") from error
        instead = _lower(address for room in wanted.values() if not room.mail for address in room.addresses)
        left = [address for address in to if str(address).lower() not in instead]
        return replace(row, payload={**row.payload, "to": left}) if left else None


def _lower(addresses: Iterable[object]) -> set[str]:
    return {str(address).lower() for address in addresses}
