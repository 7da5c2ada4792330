"""The owners of a HubSpot account."""

from __future__ import annotations

from collections.abc import Mapping

from workers.connectors import people
from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.people import Somebody


class Owners(people.Owners[HubSpotClient]):
    """One for each process."""

    title = "HubSpot"
    foreign = "hubspot:"

    async def everybody(self, client: HubSpotClient) -> Mapping[str, Somebody]:
        """See `people.Owners.everybody`."""
        return {owner["id"]: Somebody(email_of(owner), _name(owner)) for owner in await client.owners()}


def email_of(owner: dict[str, object]) -> str:
    """An owner's address in small letters; empty for a queue."""
    return str(owner.get("email") or "").lower()


def _name(owner: dict[str, object]) -> str | None:
    return " ".join(str(owner[part]) for part in ("firstName", "lastName") if owner.get(part)) or None
