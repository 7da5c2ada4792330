"""What ought to have gone on by itself and has not: outbox rows, elements without a worker, leads.

What can be done from here: send an outbox row now or give it up; start a lead's process again. The rest needs a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.operations import audit
from workers.operations.audit import Actor
from workers.operations.dead_letters import lock
from workers.operations.incidents import business_ids
from workers.operations.model import Done, Stuck, Wanted
from workers.runtime.database import Pool
from workers.runtime.outbox import WAKE_UP, put

QUEUE = timedelta(minutes=60)
"""As long as a lead may wait in the queue for somebody at work before it is looked at again."""

LOOKED_AT = 1_000

_OUTBOX = """
    SELECT id, channel, business_id, created_at, tries, last_error,
           not_before > clock_timestamp() AS pausing
    FROM runtime.outbox WHERE created_at <= clock_timestamp() - %(age)s ORDER BY id LIMIT %(limit)s
"""
# States in which the system, and no person, has the next step; a lead of an owner is his until its due time.
_LEADS = """
    SELECT lead_id, state, CASE state WHEN 'assigned' THEN sla_due_at ELSE state_at END AS since
    FROM routing.leads
    WHERE (state IN ('received', 'registered') AND state_at <= clock_timestamp() - %(age)s)
       OR (state = 'queued' AND state_at <= clock_timestamp() - %(age)s - %(queue)s)
       OR (state = 'assigned' AND sla_due_at <= clock_timestamp() - %(age)s)
    ORDER BY state_at LIMIT %(limit)s
"""
_HINTS = {
    "received": "Its process has not begun: look at incidents and the outbox; `retry` sends the message again.",
    "registered": "Its process does not go on: look at incidents and waiting elements.",
    "queued": "Nobody suitable was at work, and the queue's timer did not come: is the engine there?",
    "assigned": "Its due time is over and nothing was undone: is the engine there?",
}
_GIVE_UP = """
    WITH gone AS (DELETE FROM runtime.outbox WHERE id = %(id)s RETURNING *)
    INSERT INTO runtime.dead_letters (id, channel, business_id, external_id, payload, created_at, tries, reason,
                                      settled_at, settled_how, settled_by, settled_why)
    SELECT id, channel, business_id, external_id, payload, created_at, tries,
           coalesce(last_error, 'It waited in the outbox.'), clock_timestamp(), 'given up', %(by)s, %(why)s FROM gone
"""


class Elements(Protocol):
    """Where waiting elements are seen: `camunda.OperationsRest`."""

    async def waiting_elements(self, limit: int) -> list[Stuck]:
        """Elements that wait for a worker and have no incident, the longest first."""

    async def with_business_ids(self, items: Sequence[Stuck]) -> list[Stuck]:
        """Add the business ids that are not known yet."""


async def find(pool: Pool, elements: Elements | None, wanted: Wanted) -> list[Stuck]:
    """What waits longer than `wanted.older`. Without `elements` only what the database knows.

    Raises:
        UnreachableError: Camunda's REST API doesn't answer.
    """
    given = {"age": wanted.older or timedelta(), "queue": QUEUE, "limit": LOOKED_AT}
    async with pool.connection() as connection:
        rows = await (await connection.execute(_OUTBOX, given)).fetchall()
        leads = await (await connection.execute(_LEADS, given)).fetchall()
    found = [_row(row) for row in rows] + [_lead(row) for row in leads]
    if elements is not None:
        waiting = await elements.waiting_elements(LOOKED_AT)
        old_enough = Wanted(older=wanted.older, limit=LOOKED_AT).of(waiting)
        found += await elements.with_business_ids(await _placed(pool, old_enough))
    return wanted.of(found)


async def _placed(pool: Pool, waiting: Sequence[Stuck]) -> list[Stuck]:
    """Add process and business id as far as the database knows them."""
    cases = await business_ids(pool, [one.process_instance_key for one in waiting])
    query = """
        SELECT (part->>'key')::bigint AS key, part->>'id' AS id
        FROM runtime.deployments, jsonb_array_elements(resources) AS part WHERE part->>'kind' = 'process'
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(query)).fetchall()
    processes = {int(row["key"]): str(row["id"]) for row in rows}
    return [
        replace(
            one,
            process=one.process or processes.get(one.process_definition_key, ""),
            business_id=cases.get(one.process_instance_key, ""),
        )
        for one in waiting
    ]


async def retry(pool: Pool, items: Sequence[Stuck], actor: Actor) -> list[Done]:
    """Send outbox rows now; start the process of leads again that are still as received."""
    return [await _one(pool, one, actor, "stuck.retry") for one in items]


async def skip(pool: Pool, items: Sequence[Stuck], actor: Actor) -> list[Done]:
    """Give outbox rows up: they become settled dead letters, and rows behind them go on."""
    return [await _one(pool, one, actor, "stuck.skip") for one in items]


async def _one(pool: Pool, one: Stuck, actor: Actor, action: str) -> Done:
    target = f"{one.kind} {one.key}"
    try:
        async with pool.connection() as connection:
            before = {"message": one.message, "since": one.since.isoformat() if one.since else None}
            entry = await audit.begin(
                connection, actor, action, target=target, subject=one.subject, business_id=one.business_id,
                before=before,
            )  # fmt: skip
            if one.kind == "outbox":
                outcome = await _outbox(connection, one, actor, give_up=action == "stuck.skip")
            elif one.kind == "lead" and action == "stuck.retry":
                outcome = await _start_again(connection, one.key, entry)
            else:
                outcome = f"refused: an {one.kind} can't be mended from here" if one.kind == "element" else (
                    "refused: withdraw a lead instead (`fairlead leads withdraw`)")  # fmt: skip
            await audit.settle(connection, entry, outcome, {})
    except psycopg.errors.LockNotAvailable:
        outcome = "refused: a dispatcher is sending for this case; try again"
    return Done(target, one.business_id, outcome)


async def _outbox(connection: AsyncConnection[DictRow], one: Stuck, actor: Actor, *, give_up: bool) -> str:
    await lock(connection, one.channel, one.business_id)
    if give_up:
        changed = await connection.execute(_GIVE_UP, {"id": int(one.key), "by": actor.name, "why": actor.why})
    else:
        changed = await connection.execute(
            "UPDATE runtime.outbox SET not_before = clock_timestamp() WHERE id = %s", (int(one.key),)
        )
        await connection.execute(f"NOTIFY {WAKE_UP}")
    return "done" if changed.rowcount else "refused: it has left the outbox by itself"


async def _start_again(connection: AsyncConnection[DictRow], lead_id: str, entry: int) -> str:
    cursor = await connection.execute(
        """
        SELECT received_at FROM routing.leads l WHERE lead_id = %(id)s AND state = 'received' AND NOT EXISTS (
            SELECT FROM runtime.outbox o WHERE o.channel = 'zeebe.message' AND o.business_id = l.lead_id)
        FOR UPDATE
        """,
        {"id": lead_id},
    )
    row = await cursor.fetchone()
    if row is None:
        return "refused: its process has begun, or its message still waits in the outbox"
    message = {
        "name": "lead_received",
        "correlation_key": lead_id,
        "variables": {"lead_id": lead_id, "received_at": _utc(row["received_at"])},
        # Not kept by the engine: if an instance is open after all, the message does nothing, now or later.
        "ttl_seconds": 0,
    }
    await put(connection, "zeebe.message", lead_id, f"lead_received:{lead_id}:again:{entry}", message)
    return "done"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _row(row: DictRow) -> Stuck:
    why = row["last_error"] or "Not tried yet: does a dispatcher run that serves this channel?"
    return Stuck(
        kind="outbox",
        key=str(row["id"]),
        business_id=row["business_id"],
        message=f"{row['tries']} tries{', pausing' if row['pausing'] else ''}. {why}",
        since=row["created_at"],
        channel=row["channel"],
    )


def _lead(row: DictRow) -> Stuck:
    found = Stuck("lead", row["lead_id"], row["lead_id"], _HINTS[row["state"]], row["since"], element=row["state"])
    return replace(found, process="lead_routing")
