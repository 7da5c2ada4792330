"""Carries a plan out, in the transaction of the connection: reps, absences, and what the system said last.

Territories', regions' and quotas' tables follow in `planning`, managers in `managers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.connectors.roster import lines, managers, planning
from workers.connectors.roster.lines import Line
from workers.connectors.roster.plan import Away, Change, Kind, Plan

Connection = AsyncConnection[DictRow]

_KINDS: Mapping[Kind, lines.Kind] = {
    "joins": "only there",
    "changes": "different",
    "leaves": "gone there",
    "returns": "different",
}


async def apply(connection: Connection, system: str, plan: Plan) -> list[Line]:
    """Change what is to be changed; what it was, line by line. Adds to the plan's notes."""
    done: list[Line] = []
    for change in plan.changes:
        if change.new_rep:
            await _hire(connection, change)
        elif change.rep:
            await _write(connection, change)
        await _remember(connection, system, change)
        done.append(_line(change))
    for away in plan.away:
        await _absences(connection, system, away)
        counts = ({"known": len(away.drop)}, {"known": len(away.add)})
        said = f"{len(away.add)} more, {len(away.drop)} fewer"
        done.append(Line(f"{away.employee_id} absences", said, ("absences",), "different", away.rep_id, *counts))
    await connection.execute(
        "UPDATE people.workers SET seen_at = now() WHERE system = %s AND employee_id = ANY(%s)",
        (system, list(plan.workers)),
    )
    done += await managers.rename(connection, plan)  # by their addresses the others find them
    done += await planning.apply(connection, system, plan)
    done += await managers.apply(connection, system, plan)
    return done


async def _hire(connection: Connection, change: Change) -> None:
    columns = {"id": change.rep_id, **change.rep}
    await connection.execute(
        sql.SQL("INSERT INTO routing.reps ({}) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(sql.Placeholder() * len(columns))
        ),
        [Jsonb(value) if name == "working_hours" else value for name, value in columns.items()],
    )


async def _write(connection: Connection, change: Change) -> None:
    changed = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder()) for name in change.rep
    )
    await connection.execute(
        sql.SQL("UPDATE routing.reps SET {} WHERE id = {}").format(changed, sql.Placeholder()),
        [*change.rep.values(), change.rep_id],
    )


async def _remember(connection: Connection, system: str, change: Change) -> None:
    await connection.execute(
        """
        INSERT INTO people.workers (system, employee_id, rep_id, facts, left_on) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (system, employee_id) DO UPDATE
        SET rep_id = excluded.rep_id, facts = excluded.facts, left_on = excluded.left_on
        """,
        (system, change.employee_id, change.rep_id, Jsonb(dict(change.facts)), change.left_on),
    )


async def _absences(connection: Connection, system: str, away: Away) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "DELETE FROM routing.absences WHERE rep_id = %s AND source = %s AND starts_at = %s AND ends_at = %s",
            [(away.rep_id, system, *one) for one in away.drop],
        )
        # Why somebody is away is nobody's business here.
        await cursor.executemany(
            "INSERT INTO routing.absences (rep_id, source, starts_at, ends_at) VALUES (%s, %s, %s, %s)",
            [(away.rep_id, system, *one) for one in away.add],
        )


def _line(change: Change) -> Line:
    who = f"rep {change.rep_id}" if change.rep_id else "sells nothing"
    became = {
        "joins": f"taken up ({'new ' if change.new_rep else ''}{who})",
        "changes": f"follows ({who})",
        "leaves": f"unavailable since {change.left_on} ({who})",
        "returns": f"back ({who})",
    }[change.kind]
    return Line(
        subject=change.employee_id,
        became=became,
        fields=change.fields,
        kind=_KINDS[change.kind],
        rep_id=change.rep_id or "",
        before=change.before,
        after={name: change.facts.get(name) for name in change.before},
    )


def said(done: Sequence[Line]) -> dict[str, int]:
    """How many of each kind, for people to read."""
    names = {"different": "changed", "only there": "taken up", "gone there": "taken away"}
    found = [names[one.kind] for one in done]
    return {name: found.count(name) for name in names.values() if name in found}
