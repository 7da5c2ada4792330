"""Starts what begins when a rep leaves or joins: territories are adjusted, and quotas that do not follow territories by
themselves. Each is asked for once, by the outbox, as soon as nothing else of the organisation is under way.

That somebody left is noted in the transaction of the import (table people.moves). All who left or joined by then go into one
alignment, as an organisation has one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.database import Pool

log = structlog.get_logger()

LOOK_SECONDS = 60.0

Connection = AsyncConnection[DictRow]

# An alignment that never opened, as another one was quicker, did nothing and is asked for again. Its message is kept for
# an hour; until then it may open any moment.
_LOST = """
    UPDATE people.moves m SET asked_id = NULL, asked_at = NULL
    WHERE m.what = 'territories' AND m.asked_at < now() - interval '2 hours'
      AND NOT EXISTS (SELECT FROM territories.alignments a WHERE a.alignment_id = m.asked_id)
      AND NOT EXISTS (SELECT FROM runtime.outbox o WHERE o.channel = 'zeebe.message'
                      AND o.external_id = 'territories_requested:' || m.asked_id)
"""
_WAITING = """
    SELECT DISTINCT what, organisation FROM people.moves m WHERE asked_id IS NULL AND settled IS NULL
      AND NOT EXISTS (SELECT FROM people.moves asked WHERE asked.what = m.what
                      AND asked.organisation = m.organisation AND asked.asked_at > now() - interval '2 hours'
                      AND NOT EXISTS (SELECT FROM territories.alignments a WHERE a.alignment_id = asked.asked_id)
                      AND NOT EXISTS (SELECT FROM quotas.reviews r WHERE r.quota_id = asked.asked_id))
    ORDER BY 1, 2
"""
_TAKE = """
    SELECT id, rep_id, kind FROM people.moves
    WHERE what = %s AND organisation = %s AND asked_id IS NULL AND settled IS NULL ORDER BY id FOR UPDATE SKIP LOCKED
"""
_PUBLISHED_TERRITORIES = """
    SELECT FROM territories.alignments a JOIN territories.publications p USING (alignment_id)
    WHERE a.organisation = %s AND a.state = 'published' LIMIT 1
"""
_PUBLISHED_PERIOD = """
    SELECT p.period FROM quotas.publications p JOIN quotas.reviews r USING (quota_id)
    WHERE p.organisation = %s AND r.state = 'published' AND p.valid_from <= %s AND p.valid_until >= %s
    ORDER BY p.id DESC LIMIT 1
"""


async def look(pool: Pool, actor: str, clock: Callable[[], datetime]) -> int:
    """Ask in the name of an actor for what waits; how many processes were asked for."""
    async with pool.connection() as connection:
        await connection.execute(_LOST)
        waiting = await (await connection.execute(_WAITING)).fetchall()
    asked = 0
    for row in waiting:
        async with pool.connection() as connection:
            moves = await (await connection.execute(_TAKE, (row["what"], row["organisation"]))).fetchall()
            if moves:
                if row["what"] == "territories":
                    asked += await _territories(connection, row["organisation"], moves, actor)
                else:
                    asked += await _quotas(connection, row["organisation"], moves, actor, clock().date())
    return asked


async def _territories(connection: Connection, organisation: str, moves: Sequence[DictRow], actor: str) -> int:
    from workers.gateway import territory_commands as commands  # noqa: PLC0415 - FastAPI, for who starts something alone

    if not (await connection.execute(_PUBLISHED_TERRITORIES, (organisation,))).rowcount:
        return await _settle(connection, moves, "no territories are published; the next alignment plans with them")
    leaving = [row["rep_id"] for row in moves if row["kind"] == "left"]
    joining = [row["rep_id"] for row in moves if row["kind"] == "joined"]
    try:
        async with connection.transaction():
            asked_id, new = await commands.start(
                connection,
                organisation,
                "rep_left" if leaving else "rep_joined",
                actor=actor,
                leaving=leaving,
                joining=joining,
            )
    except commands.AlignmentOpen:
        return 0
    except commands.AlignmentUnknown as error:
        return await _settle(connection, moves, str(error))
    return await _asked(connection, moves, asked_id) if new else 0


async def _quotas(connection: Connection, organisation: str, moves: Sequence[DictRow], actor: str, today: date) -> int:
    from workers.gateway import quota_commands as commands  # noqa: PLC0415 - see `_territories`

    period = await (await connection.execute(_PUBLISHED_PERIOD, (organisation, today, today))).fetchone()
    if period is None:
        return await _settle(connection, moves, "no quotas are published for today; the next plan is made without them")
    units, percent = await _share(connection, organisation, period["period"], [row["rep_id"] for row in moves])
    if not units:
        return await _settle(connection, moves, "they have no quota in the period under way")
    try:
        async with connection.transaction():
            asked_id, new = await commands.start(
                connection, organisation, period["period"], actor=actor, concerned=units, change_percent=percent
            )
    except commands.QuotasOpen:
        return 0
    return await _asked(connection, moves, asked_id) if new else 0


async def _share(
    connection: Connection, organisation: str, period: str, reps: Sequence[str]
) -> tuple[list[str], float]:
    """Units that somebody left, and how much of their territories' potential these had, in percent; of heads, if there is
    no potential.
    """
    cursor = await connection.execute(
        "SELECT name, rows FROM quotas.tables WHERE organisation = %s AND name IN ('reps', 'territories')",
        (organisation,),
    )
    tables = {
        row["name"]: [one for one in row["rows"] if one.get("period") == period] for row in await cursor.fetchall()
    }
    units = sorted({row["unit"] for row in tables.get("reps", []) if row["rep"] in reps and row.get("unit")})
    members = {row["rep"] for row in tables.get("reps", []) if row.get("unit") in units}
    potential: dict[str, float] = dict.fromkeys(members, 0.0)
    for row in tables.get("territories", []):
        if row.get("rep") in members:
            potential[row["rep"]] += _number(row.get("potential", ""))
    if not sum(potential.values()):
        potential = dict.fromkeys(members, 1.0)
    gone = sum(potential[rep] for rep in members.intersection(reps))
    return units, round(100 * gone / sum(potential.values()), 1) if members else 0.0


def _number(text: str) -> float:
    try:
        return max(float(text), 0.0)
    except ValueError:  # told by whoever plans
        return 0.0


async def _asked(connection: Connection, moves: Sequence[DictRow], asked_id: str) -> int:
    await connection.execute(
        "UPDATE people.moves SET asked_id = %s, asked_at = now() WHERE id = ANY(%s)",
        (asked_id, [row["id"] for row in moves]),
    )
    log.info("asked for as people moved", action="people_moved", asked=asked_id, reps=[row["rep_id"] for row in moves])
    return 1


async def _settle(connection: Connection, moves: Sequence[DictRow], why: str) -> int:
    await connection.execute(
        "UPDATE people.moves SET settled = %s WHERE id = ANY(%s)", (why, [row["id"] for row in moves])
    )
    return 0
