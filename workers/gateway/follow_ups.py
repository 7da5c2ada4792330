"""What a person or a system may do to promised contacts from outside. `fairlead follow-ups` and HTTP share it."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.follow_up_contracts import FollowUpChange, FollowUpIn, FollowUpView
from workers.gateway.intake import send_message
from workers.office import reps
from workers.office.promises import Promise, promise
from workers.office.teams import REP_IS_OURS, Teams

Connection = AsyncConnection[DictRow]

_SELECT = """
    SELECT follow_up_id, subject_kind, subject_id, rep_id, contact, channel, promised_for, due_at, note, state, result,
           contacted_by, opened_at, escalated_at, closed_at
    FROM selling.follow_ups
"""


class FollowUpUnknown(LookupError):
    """There is no such follow-up."""


class FollowUpFinished(ValueError):
    """The follow-up has ended; `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The follow-up is {state} already.")
        self.state = state


class PromiseImpossible(ValueError):
    """Nobody can keep it: no such rep, or the time is over."""


async def start(connection: Connection, given: FollowUpIn, *, actor: str, now: datetime) -> tuple[str, bool]:
    """Have a promise followed up, in the connection's transaction; its id, and False if that was asked before.

    Raises:
        PromiseImpossible: no such rep, or the promised time is over.
    """
    made = Promise(**given.model_dump(), promised_by=actor)
    known = await connection.execute("SELECT FROM selling.follow_ups WHERE follow_up_id = %s", (made.id,))
    if known.rowcount:
        return made.id, False
    rep = await reps.find(connection, made.rep_id)
    if rep is None or not rep.active:
        raise PromiseImpossible(f"There is no rep {made.rep_id} who could keep it.")
    if made.promised_for <= now:
        raise PromiseImpossible("The promised time is over. Give one that is still to come.")
    return made.id, await promise(connection, made)


async def contact_made(
    connection: Connection, follow_up_id: str, *, result: str, by: str, note: str, actor: str, ttl_seconds: int
) -> bool:
    """Tell the process that the contact was made; False if that was told before.

    Raises:
        FollowUpUnknown: nothing of this id was promised.
        FollowUpFinished: it has ended.
    """
    async with connection.transaction():
        await _open(connection, follow_up_id)
        variables = {"contact_result": result, "contacted_by": by, "contact_note": note}
        told = await send_message(connection, "contact_made", follow_up_id, variables, ttl_seconds)
        if told:
            await _note(connection, follow_up_id, actor, "contact_reported", result)
        return told


async def cancel(connection: Connection, follow_up_id: str, why: str, *, actor: str, ttl_seconds: int) -> bool:
    """Have it stopped and undone; False if that was asked before.

    Raises:
        FollowUpUnknown: nothing of this id was promised.
        FollowUpFinished: it has ended.
    """
    async with connection.transaction():
        await _open(connection, follow_up_id)
        asked = await send_message(connection, "follow_up_cancelled", follow_up_id, {"cancel_why": why}, ttl_seconds)
        if asked:
            await _note(connection, follow_up_id, actor, "cancellation_asked", why)
        return asked


async def read(connection: Connection, follow_up_id: str) -> FollowUpView | None:
    """One promise with its changes."""
    cursor = await connection.execute(f"{_SELECT} WHERE follow_up_id = %s".encode(), (follow_up_id,))
    row = await cursor.fetchone()
    if row is None:
        return None
    cursor = await connection.execute(
        'SELECT kind, reason, by_whom AS by, "before", "after", changed_at FROM selling.follow_up_changes'
        " WHERE follow_up_id = %s ORDER BY changed_at",
        (follow_up_id,),
    )
    return FollowUpView(**row, changes=[FollowUpChange(**change) for change in await cursor.fetchall()])


async def list_(
    connection: Connection, *, rep: str | None, state: str | None, limit: int, teams: Teams = None
) -> list[FollowUpView]:
    """Promises, those due first in front; with `teams` of their reps only."""
    cursor = await connection.execute(
        f"{_SELECT} WHERE (%(rep)s::text IS NULL OR rep_id = %(rep)s)"
        " AND (%(state)s::text IS NULL OR state = %(state)s)"
        f" AND (%(teams)s::text[] IS NULL OR {REP_IS_OURS.format(rep='rep_id')})"
        " ORDER BY state = 'open' DESC, due_at, follow_up_id LIMIT %(limit)s".encode(),
        {"rep": rep, "state": state, "limit": limit, "teams": None if teams is None else list(teams)},
    )
    return [FollowUpView(**row) for row in await cursor.fetchall()]


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


async def _open(connection: Connection, follow_up_id: str) -> None:
    """Nothing, if it is open or was just asked for."""
    found = await connection.execute(
        """
        SELECT coalesce(
            (SELECT state FROM selling.follow_ups WHERE follow_up_id = %(id)s),
            (SELECT 'open' WHERE EXISTS (SELECT FROM runtime.outbox WHERE channel = 'zeebe.message'
                    AND external_id = 'follow_up_promised:' || %(id)s)
                OR EXISTS (SELECT FROM runtime.delivered WHERE channel = 'zeebe.message'
                    AND external_id = 'follow_up_promised:' || %(id)s))) AS state
        """,
        {"id": follow_up_id},
    )
    row = await found.fetchone()
    if row is None or row["state"] is None:
        raise FollowUpUnknown(f"There is no follow-up {follow_up_id}.")
    if row["state"] != "open":
        raise FollowUpFinished(row["state"])


async def _note(connection: Connection, follow_up_id: str, actor: str, action: str, why: str) -> None:
    await connection.execute(
        "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
        (follow_up_id, actor, action, why, Jsonb({})),
    )
