"""Who owns leads in a Salesforce organisation: users, and queues."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from workers.connectors import people
from workers.connectors.answers import SystemRefused
from workers.connectors.people import Book, Somebody
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.client import SalesforceClient


class Owners(people.Owners[SalesforceClient]):
    """One for each process. A queue is nobody of ours, and is given back by its id as a foreign user is."""

    title = "Salesforce"
    foreign = "salesforce:"

    def __init__(self, book: Book, queue: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`queue`: where leads lie that nobody owns; None: with the user that we log in as."""
        super().__init__(book, clock)
        self._queue = queue
        self._nobody: str | None = None

    async def everybody(self, client: SalesforceClient) -> Mapping[str, Somebody]:
        """See `people.Owners.everybody`. Of several users with one address the one with the lowest id counts."""
        return await users(client)

    async def nobody(self, client: SalesforceClient) -> str:
        """The queue, or our own user: in Salesforce every lead has an owner.

        Raises:
            SystemRefused: there is no such queue.
        """
        if self._nobody is None:
            self._nobody = await (self._own(client) if self._queue is None else queue(client, self._queue))
        return self._nobody

    async def _own(self, client: SalesforceClient) -> str:
        return (await client.session()).user_id


async def users(client: SalesforceClient) -> dict[str, Somebody]:
    """Who can own leads, by their ids, which are in their order."""
    query = soql.select({"Id", "Email", "Name"}, "User", "IsActive = true AND UserType = 'Standard'", order="Id")
    return {
        user.id: Somebody((user.get("Email") or "").lower(), user.get("Name")) for user in await client.query(query)
    }


async def queue(client: SalesforceClient, name: str) -> str:
    """The id of a queue.

    Raises:
        SystemRefused: there is none of this name.
    """
    found = await client.query(soql.select({"Id"}, "Group", f"Type = 'Queue' AND DeveloperName = {soql.text(name)}"))
    if not found:
        raise SystemRefused(
            f"Salesforce has no queue {name}. Make it, with Lead among its objects, or correct `queue` in the mapping."
        )
    return found[0].id
