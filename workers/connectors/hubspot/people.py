"""Who is who: sales reps here and owners in HubSpot are the same person if they have the same e-mail address."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from workers.connectors.hubspot.client import HubSpotClient
from workers.runtime.errors import PermanentError
from workers.runtime.outside import OutsideDatabase

FRESH_SECONDS = 600.0
"""How long the list of owners counts."""

FOREIGN = "hubspot:"
"""Before the id of an owner who is no rep of ours."""


class NoOwner(PermanentError):
    """A rep has no owner in HubSpot with the same e-mail address."""


@dataclass(frozen=True, slots=True)
class Known:
    """What our own book says of a lead."""

    contact_id: str | None
    """Of the contact it came from, if it came from HubSpot."""
    email: str | None


class Book:
    """Our own reps and leads, read by connections that no job holds."""

    def __init__(self, database: OutsideDatabase) -> None:
        self._database = database

    async def lead(self, lead_id: str) -> Known:
        """Where a lead's contact may be found."""
        row = await self._one(
            "SELECT source, external_id, lead->>'email' AS email FROM routing.leads WHERE lead_id = %s", lead_id
        )
        if row is None:
            return Known(None, None)
        return Known(row["external_id"] if row["source"] == "hubspot" else None, row["email"])

    async def email(self, rep_id: str) -> str | None:
        """A rep's address in small letters; None: there is no such rep."""
        row = await self._one("SELECT lower(email) AS email FROM routing.reps WHERE id = %s", rep_id)
        return row["email"] if row else None

    async def rep(self, email: str) -> str | None:
        """The id of the rep with an address; None: there is none."""
        row = await self._one("SELECT id FROM routing.reps WHERE lower(email) = %s ORDER BY id LIMIT 1", email)
        return row["id"] if row else None

    async def _one(self, query: str, value: str) -> dict[str, str | None] | None:
        async with self._database.transaction() as connection:
            return await (await connection.execute(query.encode(), (value,))).fetchone()


@dataclass(frozen=True, slots=True)
class Person:
    """An owner of HubSpot as lead routing knows the person."""

    id: str
    """The rep's; or ``hubspot:`` and the owner's, for somebody who is none."""
    name: str | None


class Owners:
    """One for each process: the owners of the account, read when they are needed and kept for a while."""

    def __init__(self, book: Book, clock: Callable[[], float] = time.monotonic) -> None:
        self._book = book
        self._clock = clock
        self._read_at: float | None = None
        self._known: dict[str, tuple[str, str | None]] = {}

    async def person(self, client: HubSpotClient, owner_id: str | None) -> Person | None:
        """Who an owner of a record is; None: nobody."""
        if owner_id is None:
            return None
        if owner_id not in self._known or self._old:
            await self._read(client)
        email, name = self._known.get(owner_id, ("", None))
        rep = await self._book.rep(email) if email else None
        return Person(rep or FOREIGN + owner_id, name)

    async def owner_id(self, client: HubSpotClient, person_id: str | None) -> str:
        """What to write as a record's owner for a person's id, as `Person.id`; None: an empty text, which clears it.

        Raises:
            NoOwner: there is none.
        """
        if person_id is None:
            return ""
        if person_id.startswith(FOREIGN):
            return person_id.removeprefix(FOREIGN)
        email = await self._book.email(person_id)
        found = None if email is None or self._old else self._of(email)
        if email is not None and found is None:  # somebody may have been invited a minute ago
            await self._read(client)
            found = self._of(email)
        if found is None:
            raise NoOwner(
                f"The rep {person_id} has no owner in HubSpot with the same e-mail address. Invite the person there, or "
                "correct one of the addresses; then send this again."
            )
        return found

    @property
    def _old(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at > FRESH_SECONDS

    def _of(self, email: str) -> str | None:
        return next((owner for owner, (known, _) in self._known.items() if known == email), None)

    async def _read(self, client: HubSpotClient) -> None:
        self._known = {owner["id"]: (email_of(owner), _name(owner)) for owner in await client.owners()}
        self._read_at = self._clock()


def email_of(owner: dict[str, object]) -> str:
    """An owner's address in small letters; empty for a queue."""
    return str(owner.get("email") or "").lower()


def _name(owner: dict[str, object]) -> str | None:
    return " ".join(str(owner[part]) for part in ("firstName", "lastName") if owner.get(part)) or None
