"""Who is who in another system, asked of it as seldom as can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.connectors.people import FRESH_SECONDS, Book, Owners, Somebody


class Reps(Book):
    """Each rep's address is its id at example.com; zoe has none."""

    def __init__(self) -> None:
        pass

    async def email(self, rep_id: str) -> str | None:
        return None if rep_id == "zoe" else f"{rep_id}@example.com"


class Account(Owners[Any]):
    title = "The CRM"
    foreign = "crm:"
    asked = 0
    now = 0.0

    async def everybody(self, client: Any) -> Mapping[str, Somebody]:
        self.asked += 1
        return {
            "1": Somebody("ana@example.com", "Ana"),
            "2": Somebody("ben@example.com", "Ben"),
            "3": Somebody("ben@example.com", "Ben once more"),
            "4": Somebody("", "Nobody"),
        }


async def test_many_are_looked_for_at_once_and_the_unknown_are_looked_for_again() -> None:
    account = Account(Reps(), lambda: account.now)
    assert await account.owner_ids(None, ["crm:7"]) == {"crm:7": "7"}
    assert account.asked == 0
    assert await account.owner_ids(None, ["ana", "ben", "zoe", "crm:7"]) == {"ana": "1", "ben": "2", "crm:7": "7"}
    assert account.asked == 1
    assert await account.owner_ids(None, ["ana", "cem", "dan", "eva"]) == {"ana": "1"}
    assert account.asked == 2, "somebody may have been invited since, and one look tells of all"
    account.now = FRESH_SECONDS + 1
    assert await account.owner_id(None, "ana") == "1"
    assert account.asked == 3
