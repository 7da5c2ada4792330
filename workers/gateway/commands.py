"""What a person or a system may do to a lead from outside. `fairlead leads` and HTTP share it."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.answers import FINISHED
from workers.gateway.intake import send_message


class LeadUnknown(LookupError):
    """There is no such lead."""


class LeadFinished(ValueError):
    """The lead's process has ended; `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The lead is {state} already.")
        self.state = state


async def withdraw(
    connection: AsyncConnection[DictRow], lead_id: str, why: str, *, actor: str, ttl_seconds: int
) -> bool:
    """Ask the lead's process to stop and to undo what it did; False if that was asked before.

    The message goes behind `lead_received` in the outbox, so that it finds the process even for a lead just taken.

    Raises:
        LeadUnknown: no lead of this id.
        LeadFinished: nothing is left to stop.
    """
    async with connection.transaction():
        state = await _lock(connection, lead_id)
        if state in FINISHED:
            raise LeadFinished(state)
        asked = await send_message(connection, "lead_withdrawn", lead_id, {"withdraw_why": why}, ttl_seconds)
        if asked:
            await _note(connection, lead_id, actor, "withdrawal_asked", why)
        return asked


async def record_outcome(
    connection: AsyncConnection[DictRow], lead_id: str, converted: bool, *, at: datetime | None, actor: str
) -> None:
    """Record whether the lead converted, and let its owner have the open place back.

    A later word replaces an earlier one; the same word again changes nothing.

    Raises:
        LeadUnknown: no lead of this id.
    """
    moment = at or datetime.now(UTC)
    async with connection.transaction():
        await _lock(connection, lead_id)
        cursor = await connection.execute(
            """
            UPDATE routing.leads SET converted = %(converted)s, outcome_at = %(at)s
            WHERE lead_id = %(lead_id)s AND converted IS DISTINCT FROM %(converted)s
            """,
            {"converted": converted, "at": moment, "lead_id": lead_id},
        )
        changed = cursor.rowcount == 1
        await connection.execute(
            """
            UPDATE routing.assignments SET closed_at = now()
            WHERE lead_id = %s AND released_at IS NULL AND closed_at IS NULL
            """,
            (lead_id,),
        )
        if changed:
            await _note(connection, lead_id, actor, "outcome_recorded", "converted" if converted else "not converted")


async def _lock(connection: AsyncConnection[DictRow], lead_id: str) -> str:
    cursor = await connection.execute(
        "SELECT state FROM routing.leads WHERE lead_id = %s FOR NO KEY UPDATE", (lead_id,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise LeadUnknown(f"There is no lead {lead_id}.")
    return str(row["state"])


async def _note(connection: AsyncConnection[DictRow], lead_id: str, actor: str, action: str, why: str) -> None:
    await connection.execute(
        "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
        (lead_id, actor, action, why, Jsonb({})),
    )
