"""Dead letters: list them, put them back into the outbox, or settle them for good.

A row goes back with the id and the external id it had. So it is sent before rows of its key that still wait, and a
receiver that had got it after all knows it again. It does not go back when rows behind it were delivered meanwhile,
as an old change would then overwrite a newer one; `late` says that this does no harm (mail, for instance).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.operations import audit
from workers.operations.audit import Actor
from workers.operations.model import DeadLetter, Done, Json, Wanted
from workers.runtime.database import Pool

Settlement = Literal["given up", "done by hand"]

_ACTIONS: dict[Settlement, str] = {"given up": "dead_letter.skip", "done by hand": "dead_letter.resolve"}

# The lock that a dispatcher holds while it sends for a key (`workers/runtime/dispatcher.py`).
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('fairlead outbox ' || %s || ' ' || %s, 0))"

# While this row was the oldest of its key nothing behind it was sent. So what was delivered after its death was behind
# it, except older dead letters that somebody put back.
_OVERTAKEN = """
    SELECT count(*) AS rows FROM runtime.delivered d
    WHERE d.channel = %(channel)s AND d.business_id = %(business_id)s AND d.delivered_at >= %(died_at)s
      AND NOT EXISTS (SELECT FROM runtime.audit a WHERE a.action = 'dead_letter.retry' AND a.outcome = 'done'
                      AND a.subject = d.channel || ':' || d.external_id AND (a.before->>'id')::bigint < %(id)s)
"""
_BACK = """
    WITH gone AS (DELETE FROM runtime.dead_letters WHERE id = %(id)s RETURNING *)
    INSERT INTO runtime.outbox (id, channel, business_id, external_id, payload, created_at, last_error, traceparent)
    OVERRIDING SYSTEM VALUE
    SELECT id, channel, business_id, external_id, payload, created_at, reason, traceparent FROM gone
"""


async def find(pool: Pool, wanted: Wanted, *, settled: bool = False) -> list[DeadLetter]:
    """Dead letters, the oldest first: those nobody has settled, or with `settled` all."""
    query = """
        SELECT id, channel, business_id, external_id, tries, reason, died_at,
               settled_at, settled_how, settled_by, settled_why
        FROM runtime.dead_letters WHERE %s OR settled_at IS NULL ORDER BY id
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(query, (settled,))).fetchall()
    return wanted.of(_letter(row) for row in rows)


async def retry(pool: Pool, letters: Sequence[DeadLetter], actor: Actor, *, late: bool = False) -> list[Done]:
    """Put them back into the outbox, with all their tries again, the oldest first."""
    ordered = sorted(letters, key=lambda letter: letter.key)
    return [await _one(pool, letter, actor, "dead_letter.retry", late=late) for letter in ordered]


async def settle(pool: Pool, letters: Sequence[DeadLetter], actor: Actor, how: Settlement) -> list[Done]:
    """Mark them as given up, or as done by hand: they stay for the record and are not listed any more."""
    return [await _one(pool, letter, actor, _ACTIONS[how], how=how) for letter in letters]


async def lock(connection: AsyncConnection[DictRow], channel: str, business_id: str) -> None:
    """Keep dispatchers from sending for a key until the transaction ends; wait for one that does.

    Raises:
        psycopg.errors.LockNotAvailable: it took longer than 10 s.
    """
    await connection.execute("SET LOCAL lock_timeout = '10s'")
    await connection.execute(_LOCK, (channel, business_id))


async def _one(
    pool: Pool, letter: DeadLetter, actor: Actor, action: str, *, late: bool = False, how: Settlement | None = None
) -> Done:
    target = f"dead letter {letter.key}"
    try:
        async with pool.connection() as connection:
            await lock(connection, letter.channel, letter.business_id)
            row = await (
                await connection.execute("SELECT * FROM runtime.dead_letters WHERE id = %s FOR UPDATE", (letter.key,))
            ).fetchone()
            before: Json = {"id": letter.key} if row is None else _before(row)
            entry = await audit.begin(
                connection, actor, action, target=target, subject=letter.subject,
                business_id=letter.business_id, before=before,
            )  # fmt: skip
            if row is None:
                outcome = "refused: it is no longer among the dead letters"
            elif row["settled_at"] is not None:
                outcome = f"refused: it was {row['settled_how']} by {row['settled_by']} before"
            elif how is not None:
                outcome = await _settle(connection, row, actor, how)
            else:
                outcome = await _put_back(connection, row, late=late)
            await audit.settle(connection, entry, outcome, {"settled": how} if how else {})
    except psycopg.errors.LockNotAvailable:
        outcome = "refused: a dispatcher is sending for this case; try again"
    return Done(target, letter.business_id, outcome)


async def _settle(connection: AsyncConnection[DictRow], row: DictRow, actor: Actor, how: Settlement) -> str:
    await connection.execute(
        "UPDATE runtime.dead_letters SET settled_at = clock_timestamp(), settled_how = %s, settled_by = %s,"
        " settled_why = %s WHERE id = %s",
        (how, actor.name, actor.why, row["id"]),
    )
    return "done"


async def _put_back(connection: AsyncConnection[DictRow], row: DictRow, *, late: bool) -> str:
    known = await connection.execute(
        "SELECT FROM runtime.outbox WHERE channel = %(channel)s AND external_id = %(external_id)s"
        " UNION ALL SELECT FROM runtime.delivered WHERE channel = %(channel)s AND external_id = %(external_id)s",
        row,
    )
    if known.rowcount:
        return "refused: it was sent again by itself; skip it"
    overtaken = await (await connection.execute(_OVERTAKEN, row)).fetchone()
    if overtaken and overtaken["rows"] and not late:
        return f"refused: {overtaken['rows']} newer of this case went out since; --late sends it all the same"
    await connection.execute(_BACK, row)
    return "done"


def _before(row: DictRow) -> Json:
    return {
        "id": row["id"],
        "channel": row["channel"],
        "external_id": row["external_id"],
        "tries": row["tries"],
        "reason": row["reason"],
        "died_at": row["died_at"].isoformat(),
    }


def _letter(row: DictRow) -> DeadLetter:
    settled = f"{row['settled_how']} by {row['settled_by']}: {row['settled_why']}" if row["settled_at"] else ""
    return DeadLetter(
        key=row["id"],
        channel=row["channel"],
        business_id=row["business_id"],
        external_id=row["external_id"],
        message=row["reason"],
        tries=row["tries"],
        since=row["died_at"],
        settled=settled,
    )
