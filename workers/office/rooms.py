"""Rooms of Slack and Teams: what is written to somebody by mail goes there as well, or instead.

Shared when the mail is delivered, by outbox rows of the rooms' own channels, together with those that wait behind it: a
mail server that is away holds up no room. A mail that is tried again finds the room's row there already.
`workers.connectors.chat` posts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime import outbox
from workers.runtime.database import Pool
from workers.runtime.errors import Unreachable
from workers.runtime.outbox import OutboxRow
from workers.settings_out import Room

PREFIX = "chat:"
"""Of the outbox channels, one for each room. The payload is {subject, text}, as the mail has them."""

_BEHIND: Final = """
    SELECT external_id, payload FROM runtime.outbox WHERE channel = %s AND business_id = %s AND id > %s
    ORDER BY id LIMIT 100
"""


class Rooms:
    """Passes mails on to rooms."""

    def __init__(self, rooms: Mapping[str, Room], pool: Pool) -> None:
        self._rooms = rooms
        self._pool = pool

    async def share(self, row: OutboxRow) -> OutboxRow | None:
        """Put a mail into the rooms of those that it is written to; the mail for the others, None if nobody is left.

        Raises:
            Unreachable: our database is away.
        """
        if not self._rooms:
            return row
        try:
            async with self._pool.connection() as connection:
                await self._put(connection, row.business_id, row.external_id, row.payload)
                cursor = await connection.execute(_BEHIND, (row.channel, row.business_id, row.id))
                for one in await cursor.fetchall():
                    await self._put(connection, row.business_id, one["external_id"], one["payload"])
        except psycopg.OperationalError as error:
            raise Unreachable("Our database does not answer.") from error
        to = _written_to(row.payload)
        instead = set().union(*(_lower(room.addresses) for room in self._rooms.values() if not room.mail))
        left = [address for address in to if address.lower() not in instead]
        if len(left) == len(to):
            return row
        return replace(row, payload={**row.payload, "to": left}) if left else None

    async def _put(
        self, connection: AsyncConnection[DictRow], business_id: str, external_id: str, mail: Mapping[str, Any]
    ) -> None:
        to = _lower(_written_to(mail))
        for name, room in self._rooms.items():
            if to & _lower(room.addresses):
                notice = {"subject": mail.get("subject"), "text": mail.get("text")}
                await outbox.put(connection, PREFIX + name, business_id, f"{external_id}/{name}", notice)


def _written_to(mail: Mapping[str, Any]) -> list[str]:
    to = mail.get("to")
    return [str(address) for address in to] if isinstance(to, list) else []


def _lower(addresses: Iterable[str]) -> set[str]:
    return {address.lower() for address in addresses}
