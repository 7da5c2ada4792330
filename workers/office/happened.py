"""All that happened in a case, as its timeline tells it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row


@dataclass(frozen=True, slots=True)
class Happened:
    """An entry of the timeline."""

    at: datetime
    actor: str
    action: str
    why: str
    facts: dict[str, Any]  # Any: JSON


async def timeline(connection: AsyncConnection[DictRow], business_id: str) -> tuple[Happened, ...]:
    """A case's entries, oldest first."""
    async with connection.cursor(row_factory=class_row(Happened)) as told:
        await told.execute(
            "SELECT at, actor, action, why, facts FROM runtime.timeline WHERE business_id = %s ORDER BY at, id",
            (business_id,),
        )
        return tuple(await told.fetchall())


def cut(entries: Iterable[Happened], name: str, own: Collection[str]) -> tuple[Happened, ...]:
    """What one team may know: entries whose fact `name` is one of `own` as they are, none whose it is another's, and of the
    whole case only when, who and what; figures of the whole stand in the rest.
    """
    found = []
    for one in entries:
        about = one.facts.get(name)
        if about is None:
            found.append(replace(one, why="", facts={}))
        elif about in own:
            found.append(one)
    return tuple(found)
