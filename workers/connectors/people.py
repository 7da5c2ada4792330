"""Who is who: sales reps here and people of another system are the same person if they have the same e-mail address."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from workers.runtime.errors import PermanentError
from workers.runtime.outside import OutsideDatabase

FRESH_SECONDS = 600.0
"""How long the list of people counts."""

C = TypeVar("C")
"""A system's client."""


class NoOwner(PermanentError):
    """A rep has nobody in the other system with the same e-mail address."""


@dataclass(frozen=True, slots=True)
class Known:
    """What our own book says of a lead."""

    record_id: str | None
    """Of the record it came from, if it came from that system."""
    email: str | None


class Book:
    """Our own reps and leads, read by connections that no job holds."""

    def __init__(self, database: OutsideDatabase, source: str) -> None:
        """`source`: under which leads of the system come in."""
        self._database = database
        self._source = source

    async def lead(self, lead_id: str) -> Known:
        """Where a lead's record may be found."""
        row = await self._one(
            "SELECT source, external_id, lead->>'email' AS email FROM routing.leads WHERE lead_id = %s", lead_id
        )
        if row is None:
            return Known(None, None)
        return Known(row["external_id"] if row["source"] == self._source else None, row["email"])

    async def fields(self, lead_id: str) -> Mapping[str, Any]:
        """A lead's fields as they are now; empty if it is not registered."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("SELECT lead FROM routing.leads WHERE lead_id = %s", (lead_id,))
            row = await cursor.fetchone()
        return row["lead"] or {} if row else {}

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
class Somebody:
    """A person of the other system."""

    email: str
    """In small letters; empty for who has none."""
    name: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """An owner there as lead routing knows the person."""

    id: str
    """The rep's; or the system's name, a colon and the id there, for somebody who is none."""
    name: str | None


class Owners(ABC, Generic[C]):
    """One for each process: the people of the account, read when they are needed and kept for a while."""

    title: ClassVar[str]
    foreign: ClassVar[str]
    """Before the id of an owner who is no rep of ours."""

    def __init__(self, book: Book, clock: Callable[[], float] = time.monotonic) -> None:
        self._book = book
        self._clock = clock
        self._read_at: float | None = None
        self._known: dict[str, Somebody] = {}
        self._by_email: dict[str, str] = {}

    @abstractmethod
    async def everybody(self, client: C) -> Mapping[str, Somebody]:
        """Who can own records, by their ids there."""

    async def nobody(self, client: C) -> str:
        """What stands as the owner of a record that nobody owns; empty: nothing."""
        return ""

    async def person(self, client: C, owner_id: str | None) -> Person | None:
        """Who an owner of a record is; None: nobody."""
        if owner_id is None or owner_id == await self.nobody(client):
            return None
        if owner_id not in self._known or self._old:
            await self._read(client)
        found = self._known.get(owner_id, Somebody("", None))
        rep = await self._book.rep(found.email) if found.email else None
        return Person(rep or self.foreign + owner_id, found.name)

    async def owner_id(self, client: C, person_id: str | None) -> str:
        """What to write as a record's owner for a person's id, as `Person.id`; None: nobody.

        Raises:
            NoOwner: there is none.
        """
        if person_id is None:
            return await self.nobody(client)
        found = (await self.owner_ids(client, [person_id])).get(person_id)
        if found is None:
            raise NoOwner(
                f"The rep {person_id} has no owner in {self.title} with the same e-mail address. Invite the person "
                "there, or correct one of the addresses; then send this again."
            )
        return found

    async def owner_ids(self, client: C, person_ids: Collection[str]) -> dict[str, str]:
        """The same for many persons; who has none is left out."""
        foreign = {one: one.removeprefix(self.foreign) for one in person_ids if one.startswith(self.foreign)}
        emails = {one: await self._book.email(one) for one in person_ids if one not in foreign}
        owners = await self.of_emails(client, {email for email in emails.values() if email})
        return foreign | {one: owners[email] for one, email in emails.items() if email in owners}

    async def of_emails(self, client: C, emails: Collection[str]) -> dict[str, str]:
        """What to write as a record's owner for who has an address, in small letters; those that nobody there has are left out."""
        # Of who is not known: somebody may have been invited a minute ago.
        if emails and (self._old or not self._by_email.keys() >= set(emails)):
            await self._read(client)
        return {email: self._by_email[email] for email in emails if email in self._by_email}

    @property
    def _old(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at > FRESH_SECONDS

    async def _read(self, client: C) -> None:
        self._known = dict(await self.everybody(client))
        # Of several with the same address the first counts.
        self._by_email = {one.email: owner for owner, one in reversed(self._known.items()) if one.email}
        self._read_at = self._clock()
