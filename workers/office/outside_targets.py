"""Targets of what is planned that are other systems, reached by a connector: what a context and a connector agree on.

The built-in targets are in `workers.office.targets`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.office import sendings
from workers.office.publication import Word
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow

Wanted = Mapping[str, object]
"""What is published, by what we call each record: an account's rep, a rep's quota."""


@dataclass(frozen=True, slots=True)
class QuotaOf:
    """Somebody's quota, as it is published to another system."""

    email: str | None
    """None: people.csv does not name the rep."""
    role: str
    """As people.csv has it: a rep's own quota, or that of the unit that a manager leads."""
    currency: str
    months: Mapping[date, int]
    """Cents by the first day of each month."""


class OutsideTarget(Protocol):
    """A system that takes a version, or goes back to what it had; both are safe to repeat.

    Both raise TransientError where they may work the next time, and PermanentError where a person has to do something first.
    """

    async def put(self, change_id: str, scope: str, version: str, wanted: Wanted) -> Word:
        """Have it work with a version; whatever is refused leaves nothing of the version there."""
        ...

    async def take_back(self, change_id: str, scope: str) -> Word:
        """Put back exactly what stood there before a change, but for what somebody changed since."""
        ...


Read = Callable[[AsyncConnection[DictRow], str], Awaitable[tuple[str, Wanted] | None]]
"""A version's organisation, and what it asks for; None: it is not stored any more."""


class OutsideDelivery:
    """Carries versions to another system, and takes them back there; the payload is that of `targets.VersionDelivery`."""

    def __init__(self, target: OutsideTarget, pool: Pool, read: Read, *, ours: str, kind: str) -> None:
        """`ours`: the context's schema, which has the table `sendings`; `kind`: what is published, for messages."""
        self._target = target
        self._pool = pool
        self._read = read
        self._ours = ours
        self._kind = kind

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row; a repeat changes nothing and gets the same word.

        Raises:
            TransientError: the system did not answer, or there is more to do than fits into one delivery.
            PermanentError: the payload is not one of ours, the version is gone, or something can't be put back.
        """
        change, version = sendings.change_of(row, self._kind)
        async with self._pool.connection() as connection:
            read = await self._read(connection, version)
        if read is None:
            raise PermanentError(f"The version {version} is not stored any more; drop this row.")
        scope, wanted = read
        if row.payload.get("undo"):
            word = await self._target.take_back(change, scope)
        else:
            word = await self._target.put(change, scope, version, wanted)
        await sendings.note(self._pool, self._ours, change, word)
