"""What the office's tables know of people before an import."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.roster.plan import Known, KnownWorker, OurRep, Stretch

Connection = AsyncConnection[DictRow]


async def read(connection: Connection, system: str, now: datetime) -> Known:
    """Everything that a roster is compared with; reps and workers are locked until the transaction ends."""
    cursor = await connection.execute(
        "SELECT employee_id, rep_id, facts, left_on FROM people.workers WHERE system = %s ORDER BY employee_id FOR UPDATE",
        (system,),
    )
    workers = {
        row["employee_id"]: KnownWorker(row["rep_id"], row["facts"], row["left_on"]) for row in await cursor.fetchall()
    }
    cursor = await connection.execute(
        """
        SELECT r.id, r.name, r.email, r.login, r.active, r.territories, r.languages, r.skills, r.timezone,
            coalesce(t.manager_email, '') AS manager_email
        FROM routing.reps r LEFT JOIN routing.territories t ON t.id = r.territories[1]
        ORDER BY r.id FOR NO KEY UPDATE OF r
        """
    )
    reps = {
        row["id"]: OurRep(
            **row
            | {name: tuple(row[name]) for name in ("territories", "languages", "skills")}
        )
        for row in await cursor.fetchall()
    }  # fmt: skip
    cursor = await connection.execute("SELECT id, name FROM routing.territories")
    territories = {row["id"]: row["name"] for row in await cursor.fetchall()}
    cursor = await connection.execute(
        "SELECT rep_id, starts_at, ends_at FROM routing.absences WHERE source = %s AND ends_at > %s", (system, now)
    )
    absences: dict[str, set[Stretch]] = {}
    for row in await cursor.fetchall():
        absences.setdefault(row["rep_id"], set()).add((row["starts_at"], row["ends_at"]))
    return Known(workers, reps, territories, {rep: frozenset(found) for rep, found in absences.items()})
