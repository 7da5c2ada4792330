"""Who manages a territory, a region or a unit: whoever manages all of its reps. Where several do, it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.roster.lines import Line
from workers.connectors.roster.plan import Plan
from workers.connectors.roster.planning import open_periods

Connection = AsyncConnection[DictRow]

_CALLED = {
    "territory": """
        UPDATE routing.territories SET manager_name = %(name)s, manager_email = %(email)s
        WHERE lower(manager_email) = %(old)s AND (manager_name, lower(manager_email)) <> (%(name)s, %(email)s)
        RETURNING id AS place""",
    "region": """
        UPDATE territories.regions SET email = %(email)s WHERE lower(email) = %(old)s AND lower(email) <> %(email)s
        RETURNING region AS place""",
    "quotas of": """
        UPDATE quotas.persons SET name = %(name)s, email = %(email)s
        WHERE lower(email) = %(old)s AND (name, lower(email)) <> (%(name)s, %(email)s)
        RETURNING organisation AS place""",
}
"""How a manager is called, by where it stands."""


@dataclass(frozen=True, slots=True)
class _Manager:
    employee_id: str
    name: str
    email: str
    login: str


async def apply(connection: Connection, system: str, plan: Plan) -> list[Line]:
    """Change what is to be changed; what it was. Adds to the plan's notes."""
    lines: list[Line] = []
    touched = [
        one.rep_id
        for one in plan.changes
        if one.rep_id
        and (one.kind != "changes" or "manager" in one.fields or "territories" in one.rep or "unit" in one.fields)
    ]
    if not touched:
        return lines
    people = await _people(connection, system)
    places = await _rows(
        connection,
        """
        SELECT territories[1] AS place, array_agg(id) AS reps FROM routing.reps
        WHERE active AND territories[1] IN (SELECT territories[1] FROM routing.reps WHERE id = ANY(%s))
        GROUP BY 1 ORDER BY 1
        """,
        touched,
    )
    for row in places:
        if manager := _only(plan, people, row["reps"], f"territory {row['place']}"):
            lines += await _territory(connection, row["place"], manager)
    regions = await _rows(
        connection,
        """
        SELECT organisation, region, array_agg(rep) AS reps FROM territories.reps r
        WHERE left_on IS NULL AND EXISTS (SELECT FROM territories.reps t WHERE t.organisation = r.organisation
                                          AND t.region = r.region AND t.rep = ANY(%s))
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        touched,
    )
    for row in regions:
        if manager := _only(plan, people, row["reps"], f"region {row['region']} of {row['organisation']}"):
            lines += await _region(connection, row["organisation"], row["region"], manager)
    return lines + await _units(connection, plan, people, frozenset(touched))


async def rename(connection: Connection, plan: Plan) -> list[Line]:
    """Give those who manage or decide already the names and addresses that they have now; what it was."""
    lines: list[Line] = []
    for change in plan.changes:
        old = change.before.get("email") or change.facts.get("email")
        if change.kind == "leaves" or not {"name", "email"} & set(change.fields) or change.kind == "joins":
            continue
        values = {"old": old, "email": change.facts.get("email"), "name": change.facts.get("name")}
        for what, query in _CALLED.items():
            cursor = await connection.execute(query.encode(), values)
            lines += [
                Line(f"{change.employee_id} in {what} {row['place']}", "follows", ("name", "email"))
                for row in await cursor.fetchall()
            ]
    return lines


async def _people(connection: Connection, system: str) -> Mapping[str, _Manager]:
    """Rep → who manages them; of managers who are at work."""
    cursor = await connection.execute(
        """
        SELECT w.rep_id, m.employee_id, m.facts->>'name' AS name, m.facts->>'email' AS email,
            coalesce((SELECT r.login FROM routing.reps r WHERE r.id = m.rep_id), m.facts->>'login', m.facts->>'email') AS login
        FROM people.workers w JOIN people.workers m ON m.system = w.system AND m.employee_id = w.facts->>'manager'
        WHERE w.system = %s AND w.rep_id IS NOT NULL AND w.left_on IS NULL AND m.left_on IS NULL
        """,
        (system,),
    )
    return {row.pop("rep_id"): _Manager(**row) for row in await cursor.fetchall()}


def _only(plan: Plan, people: Mapping[str, _Manager], reps: list[str], what: str) -> _Manager | None:
    found = {people[rep].employee_id: people[rep] for rep in reps if rep in people}
    if len(found) > 1:
        plan.notes.append(f"The reps of the {what} have {len(found)} managers; who manages it stays as it is.")
    return next(iter(found.values())) if len(found) == 1 else None


async def _territory(connection: Connection, territory: str, manager: _Manager) -> list[Line]:
    cursor = await connection.execute(
        "UPDATE routing.territories SET manager_name = %(name)s, manager_email = %(email)s WHERE id = %(id)s"
        " AND lower(manager_email) <> %(email)s",
        {"name": manager.name, "email": manager.email, "id": territory},
    )
    return [_given(f"territory {territory}", manager)] * cursor.rowcount


async def _region(connection: Connection, organisation: str, region: str, manager: _Manager) -> list[Line]:
    cursor = await connection.execute(
        "UPDATE territories.regions SET manager = %(login)s, email = %(email)s WHERE organisation = %(organisation)s"
        " AND region = %(region)s AND lower(email) <> %(email)s",
        {"login": manager.login, "email": manager.email, "organisation": organisation, "region": region},
    )
    return [_given(f"region {region} of {organisation}", manager)] * cursor.rowcount


async def _units(
    connection: Connection, plan: Plan, people: Mapping[str, _Manager], touched: frozenset[str]
) -> list[Line]:
    """Who decides for a unit of quotas: a former manager leads it no more, and the new one is entered."""
    lines: list[Line] = []
    cursor = await connection.execute(
        "SELECT r.organisation, r.rows AS reps, f.rows AS forecast FROM quotas.tables r JOIN quotas.tables f USING (organisation)"
        " WHERE r.name = 'reps' AND f.name = 'forecast' ORDER BY r.organisation"
    )
    for row in await cursor.fetchall():
        periods = open_periods(row["forecast"], plan.today)
        units: dict[str, set[str]] = {}
        for one in row["reps"]:
            if one.get("period") in periods:
                units.setdefault(one.get("unit", ""), set()).add(one.get("rep", ""))
        for unit, reps in sorted(units.items()):
            manager = _only(plan, people, sorted(reps), f"unit {unit}") if reps & touched else None
            if manager is not None:
                lines += await _unit(connection, plan, row["organisation"], unit, manager)
    return lines


async def _unit(connection: Connection, plan: Plan, organisation: str, unit: str, manager: _Manager) -> list[Line]:
    values = {
        "organisation": organisation,
        "unit": unit,
        "email": manager.email,
        "name": manager.name,
        "login": manager.login,
    }
    cursor = await connection.execute(
        "SELECT role, node FROM quotas.persons WHERE organisation = %(organisation)s"
        " AND (lower(email) = %(email)s OR login = %(login)s)",
        values,
    )
    known = await cursor.fetchone()
    if known is not None and known["node"] == unit and known["role"] == "manager":
        return []
    if known is not None and (known["node"] is not None or known["role"] != "manager"):
        plan.notes.append(
            f"The worker {manager.employee_id} manages the reps of the unit {unit}, and is another unit's or has another role "
            f"among who decides on quotas of {organisation}; that stays as it is."
        )
        return []
    await connection.execute(
        "UPDATE quotas.persons SET node = NULL WHERE organisation = %(organisation)s AND role = 'manager' AND node = %(unit)s",
        values,
    )
    await connection.execute(
        "INSERT INTO quotas.persons (organisation, login, name, email, role, node)"
        " VALUES (%(organisation)s, %(login)s, %(name)s, %(email)s, 'manager', %(unit)s)"
        " ON CONFLICT (organisation, login) DO UPDATE SET node = excluded.node",
        values,
    )
    return [_given(f"unit {unit} of {organisation}", manager)]


def _given(what: str, manager: _Manager) -> Line:
    return Line(what, f"managed by {manager.employee_id}", ("manager",), after={"manager": manager.employee_id})


async def _rows(connection: Connection, query: str, reps: list[str]) -> list[DictRow]:
    return await (await connection.execute(query.encode(), (reps,))).fetchall()
