"""What territories and quotas are planned from follows the people: who left, who joined, who is called how and works where.

Rows of periods that are over stay as they were: what was planned from them is history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import cast

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.connectors.roster.lines import Line
from workers.connectors.roster.plan import Change, Plan
from workers.connectors.roster.values import Fact

Connection = AsyncConnection[DictRow]
Rows = list[dict[str, str]]


async def apply(connection: Connection, system: str, plan: Plan) -> list[Line]:
    """Change what is to be changed, and note what is to be started; what it was."""
    lines: list[Line] = []
    for change in plan.changes:
        if change.rep_id is not None:
            await _territories(connection, plan, change)
            if change.kind == "leaves":
                await _note_leaving(connection, change.rep_id)
    lines += await _quota_tables(connection, plan)
    lines += await _persons(connection, system, plan)
    return lines


async def _territories(connection: Connection, plan: Plan, change: Change) -> None:
    rep_id = str(change.rep_id)
    if change.kind == "leaves":
        await connection.execute("UPDATE territories.reps SET left_on = %s WHERE rep = %s", (change.left_on, rep_id))
        return
    columns = {name: _text(change.rep[name]) for name in ("name", "email", "skills", "languages") if name in change.rep}
    territories = cast("Sequence[str]", change.rep.get("territories") or ())
    region = territories[0] if territories else None
    cursor = await connection.execute(
        """
        UPDATE territories.reps r SET name = coalesce(%(name)s, name), email = coalesce(%(email)s, email),
            skills = coalesce(%(skills)s, skills), languages = coalesce(%(languages)s, languages),
            region = coalesce((SELECT g.region FROM territories.regions g
                               WHERE g.organisation = r.organisation AND g.region = %(region)s), region)
        WHERE rep = %(rep)s RETURNING organisation
        """,
        {"name": None, "email": None, "skills": None, "languages": None, **columns, "region": region, "rep": rep_id},
    )
    known = [row["organisation"] for row in await cursor.fetchall()]
    if change.kind == "returns":
        await _note_return(connection, rep_id)
    elif change.new_rep and not known:
        await _join(connection, plan, change, region)


async def _join(connection: Connection, plan: Plan, change: Change, region: str | None) -> None:
    """Plan for a new rep too, where the region says whose organisation it is and the system says where and how much."""
    cursor = await connection.execute(
        "SELECT organisation FROM territories.regions WHERE region = %s ORDER BY organisation", (region,)
    )
    organisations = [row["organisation"] for row in await cursor.fetchall()]
    if not organisations:
        return
    place = change.facts.get("place")
    if not isinstance(place, list):
        plan.notes.append(
            f"The new rep {change.rep_id} works in {region}, but no territory is planned for them yet: add latitude, longitude "
            "and capacity to the report and the mapping, or to the file of `fairlead territory load`."
        )
        return
    latitude, longitude, capacity = place
    for organisation in organisations:
        await connection.execute(
            """
            INSERT INTO territories.reps (organisation, rep, place, name, email, region, latitude, longitude, capacity, skills,
                languages)
            SELECT %s, %s, coalesce(max(place) + 1, 0), %s, %s, %s, %s, %s, %s, %s, %s
            FROM territories.reps WHERE organisation = %s
            """,
            (
                *(organisation, change.rep_id, change.facts["name"], change.facts["email"], region),
                *(
                    latitude,
                    longitude,
                    capacity,
                    _text(change.rep["skills"]),
                    _text(change.rep["languages"]),
                    organisation,
                ),
            ),
        )
        await _note(connection, str(change.rep_id), "joined", "territories", organisation)


async def _note_leaving(connection: Connection, rep_id: str) -> None:
    """Whoever joined and leaves before anything was asked for needs nothing."""
    await connection.execute(
        "UPDATE people.moves SET settled = 'left again' WHERE rep_id = %s AND kind = 'joined' AND asked_id IS NULL"
        " AND settled IS NULL",
        (rep_id,),
    )
    cursor = await connection.execute("SELECT organisation FROM territories.reps WHERE rep = %s ORDER BY 1", (rep_id,))
    for row in await cursor.fetchall():
        await _note(connection, rep_id, "left", "territories", row["organisation"])
    # Where quotas follow published territories, quota upkeep sees by those that somebody left.
    cursor = await connection.execute(
        """
        SELECT o.id FROM quotas.organisations o JOIN quotas.tables t ON t.organisation = o.id AND t.name = 'reps'
        WHERE o.territories_of IS NULL AND t.rows @> jsonb_build_array(jsonb_build_object('rep', %s::text)) ORDER BY o.id
        """,
        (rep_id,),
    )
    for row in await cursor.fetchall():
        await _note(connection, rep_id, "left", "quotas", row["id"])


async def _note_return(connection: Connection, rep_id: str) -> None:
    """Who comes back before anything was asked for just stays; else they get territories again."""
    cursor = await connection.execute(
        "UPDATE people.moves SET settled = 'came back' WHERE rep_id = %s AND kind = 'left' AND asked_id IS NULL"
        " AND settled IS NULL RETURNING organisation",
        (rep_id,),
    )
    stays = {row["organisation"] for row in await cursor.fetchall()}
    cursor = await connection.execute(
        "UPDATE territories.reps SET left_on = NULL WHERE rep = %s AND left_on IS NOT NULL RETURNING organisation",
        (rep_id,),
    )
    for organisation in sorted({row["organisation"] for row in await cursor.fetchall()} - stays):
        await _note(connection, rep_id, "joined", "territories", organisation)


async def _note(connection: Connection, rep_id: str, kind: str, what: str, organisation: str) -> None:
    await connection.execute(
        "INSERT INTO people.moves (rep_id, kind, what, organisation) VALUES (%s, %s, %s, %s)",
        (rep_id, kind, what, organisation),
    )


async def _quota_tables(connection: Connection, plan: Plan) -> list[Line]:
    changes = [one for one in plan.changes if one.rep_id is not None]
    if not changes:
        return []
    cursor = await connection.execute(
        "SELECT organisation, name, rows FROM quotas.tables WHERE name IN ('reps', 'units', 'forecast')"
        " ORDER BY organisation FOR UPDATE"
    )
    tables: dict[str, dict[str, Rows]] = {}
    for row in await cursor.fetchall():
        tables.setdefault(row["organisation"], {})[row["name"]] = row["rows"]
    lines: list[Line] = []
    for organisation, found in tables.items():
        reps, units = found.get("reps", []), {row.get("unit", "") for row in found.get("units", [])}
        periods = open_periods(found.get("forecast", []), plan.today)
        done = [said for change in changes if (said := _rows(reps, units, periods, change))]
        if done:
            await connection.execute(
                "UPDATE quotas.tables SET rows = %s, loaded_at = clock_timestamp() WHERE organisation = %s AND name = 'reps'",
                (Jsonb(reps), organisation),
            )
        lines += [
            Line(f"{rep_id} in quotas of {organisation}", "follows", fields, rep_id=rep_id) for rep_id, fields in done
        ]
    return lines


def open_periods(forecast: Rows, today: date) -> set[str]:
    """Periods that are not over: their last month is this one or comes."""
    last: dict[str, str] = {}
    for row in forecast:
        period = row.get("period", "")
        last[period] = max(last.get(period, ""), row.get("month", "")[:7])
    return {period for period, month in last.items() if month >= f"{today:%Y-%m}"}


def _rows(reps: Rows, units: set[str], periods: set[str], change: Change) -> tuple[str, tuple[str, ...]] | None:
    """Change the rows of a rep, or add some; whose and which columns, None: nothing changed."""
    rep_id = str(change.rep_id)
    mine = [row for row in reps if row.get("rep") == rep_id and row.get("period") in periods]
    wanted: dict[str, str] = {
        name: _text(change.facts[name]) for name in ("name", "hired", "unit") if name in change.fields
    }
    if wanted.get("unit") not in units:
        wanted.pop("unit", None)
    if not wanted.get("hired"):
        wanted.pop("hired", None)
    if change.kind == "leaves":
        wanted["left"] = _text(change.left_on.isoformat() if change.left_on else None)
    elif change.kind == "returns":
        wanted["left"] = ""
    if not mine and change.kind == "joins" and wanted.keys() >= {"name", "hired", "unit"}:
        planned = {row.get("period", "") for row in reps} & periods
        reps += [{"period": period, "rep": rep_id, **wanted, "left": ""} for period in sorted(planned)]
        return (rep_id, ("period", *sorted(wanted))) if planned else None
    changed: set[str] = set()
    for row in mine:
        changed |= {name for name, value in wanted.items() if row.get(name, "") != value}
        row.update(wanted)
    return (rep_id, tuple(sorted(changed))) if changed else None


async def _persons(connection: Connection, system: str, plan: Plan) -> list[Line]:
    """Who decides on quotas is away, and who stands in."""
    cursor = await connection.execute(
        "SELECT lower(email) AS email, min(login) AS login FROM quotas.persons GROUP BY 1"
    )
    logins = {row["email"]: row["login"] for row in await cursor.fetchall()}
    lines: list[Line] = []
    for change in plan.changes:
        if change.gone or change.kind == "returns":
            day = (change.left_on or plan.today) + timedelta(days=1) if change.gone else None
            email = str(change.facts.get("email"))
            lines += await _away(connection, system, change.employee_id, email, day, None, None)
    if plan.next_away is None:
        return lines
    emails = {one.employee_id: one.text("email") for one in plan.workers.values()}
    for employee_id, email in emails.items():
        if email not in logins:
            continue
        (start, end), substitute = plan.next_away.get(employee_id, ((None, None), None))
        stands_in = logins.get(emails.get(substitute or "", ""))
        if substitute and stands_in is None:
            plan.notes.append(
                f"The substitute of the worker {employee_id} has no log-in to decide on quotas; left out."
            )
        lines += await _away(connection, system, employee_id, email, start, end, stands_in)
    return lines


async def _away(
    connection: Connection,
    system: str,
    employee_id: str,
    email: str,
    start: date | None,
    end: datetime | None,
    substitute: str | None,
) -> list[Line]:
    """Without a start: what the system said before is taken back; what people entered stays."""
    cursor = await connection.execute(
        """
        UPDATE quotas.persons SET away_from = %(from)s, away_until = %(until)s,
            substitute = coalesce(%(substitute)s, substitute),
            away_source = CASE WHEN %(from)s::timestamptz IS NOT NULL THEN %(system)s END
        WHERE lower(email) = %(email)s
          AND (%(from)s::timestamptz IS NOT NULL OR away_source = %(system)s)
          AND (away_from, away_until, substitute) IS DISTINCT FROM
              (%(from)s::timestamptz, %(until)s::timestamptz, coalesce(%(substitute)s, substitute))
        RETURNING organisation
        """,
        {"system": system, "email": email, "from": start, "until": end, "substitute": substitute},
    )
    return [
        Line(f"{employee_id} as who decides on quotas of {row['organisation']}", "follows", ("away", "substitute"))
        for row in await cursor.fetchall()
    ]


def _text(value: Fact | object) -> str:
    """As the tables hold it: several values are divided by semicolons."""
    if isinstance(value, list | tuple):
        return ";".join(map(str, value))
    return "" if value is None else str(value)
