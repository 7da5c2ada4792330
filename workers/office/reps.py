"""Who sells: reps with their working time and their managers, as the sales organisation's tables have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.office.calendar import NeverAtWork, WorkCalendar, work_calendar

_REPS = """
    SELECT r.id, r.name, r.email, r.login, r.active, r.territories, r.timezone, r.holidays, r.working_hours,
           coalesce(t.manager_email, '') AS manager_email,
           coalesce((SELECT jsonb_agg(jsonb_build_array(a.starts_at, a.ends_at)) FROM routing.absences a
                     WHERE a.rep_id = r.id), '[]') AS absences
    FROM routing.reps r LEFT JOIN routing.territories t ON t.id = r.territories[1]
"""


@dataclass(frozen=True, slots=True)
class Rep:
    """A sales rep."""

    id: str
    name: str
    email: str
    login: str
    active: bool
    territories: tuple[str, ...]
    manager_email: str
    """Of the first territory's manager; empty: it has none."""
    calendar: WorkCalendar
    """Working hours, public holidays and absences."""

    def away(self, moment: datetime) -> bool:
        """Whether the rep has no working time in the day before a moment and the day after it."""
        try:
            return self.calendar.next_start(moment - timedelta(days=1)) > moment + timedelta(days=1)
        except NeverAtWork:
            return True


async def find(connection: AsyncConnection[DictRow], rep_id: str) -> Rep | None:
    """The rep of an id, or None."""
    cursor = await connection.execute(f"{_REPS} WHERE r.id = %s".encode(), (rep_id,))
    row = await cursor.fetchone()
    return None if row is None else _rep(row)


async def of_login(connection: AsyncConnection[DictRow], login: str) -> Rep | None:
    """The rep with a log-in, or None."""
    cursor = await connection.execute(f"{_REPS} WHERE r.login = %s ORDER BY r.id LIMIT 1".encode(), (login,))
    row = await cursor.fetchone()
    return None if row is None else _rep(row)


async def of_territories(connection: AsyncConnection[DictRow], territories: Sequence[str]) -> list[Rep]:
    """The active reps of any of the territories, by id."""
    cursor = await connection.execute(
        f"{_REPS} WHERE r.active AND r.territories && %s ORDER BY r.id".encode(), (list(territories),)
    )
    return [_rep(row) for row in await cursor.fetchall()]


def _rep(row: Mapping[str, Any]) -> Rep:  # Any: a row
    absences = [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in row["absences"]]
    return Rep(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        login=row["login"],
        active=row["active"],
        territories=tuple(row["territories"]),
        manager_email=row["manager_email"],
        calendar=work_calendar(row["timezone"], row["working_hours"], row["holidays"]).with_absences(absences),
    )
