"""The assignment desk on PostgreSQL (tables routing.reps, absences, credits, assignments, territories)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, Protocol

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.lead_routing.domain.assignment import Candidate, Decision, Demand, Rep, decide
from workers.lead_routing.domain.suggestions import Suggestion, next_chance, suggest
from workers.lead_routing.ports.reps import AlreadyAssigned, Released
from workers.office.calendar import CalendarError, WorkCalendar, office_calendar, work_calendar

_REPS = """id, name, email, login, territories, timezone, holidays, working_hours::text, languages, skills, weight,
    daily_capacity, open_capacity, active"""

# Locks are taken in the order of the ids, so that desks of overlapping pools cannot wait for each other in a circle.
# NO KEY UPDATE: rows that only refer to a rep (absences, other leads' assignments) may still be written.
_LOCK_POOL = f"""
    SELECT {_REPS} FROM routing.reps
    WHERE (active AND %(territory)s = ANY (territories)) OR id = ANY (%(others)s)
    ORDER BY id FOR NO KEY UPDATE"""  # noqa: S608 - a constant
_READ_ALL = f"SELECT {_REPS} FROM routing.reps WHERE active ORDER BY id"  # noqa: S608 - a constant

# A statement of its own: under READ COMMITTED it sees what was committed while we waited for the locks.
_LOAD = """
    SELECT r.id, c.credit, a.away, a.back,
        (SELECT count(*) FROM routing.assignments
         WHERE rep_id = r.id AND released_at IS NULL AND closed_at IS NULL) AS open_leads,
        (SELECT count(*) FROM routing.assignments
         WHERE rep_id = r.id AND local_day = r.today AND released_at IS NULL) AS leads_today
    FROM unnest(%(ids)s::text[], %(days)s::date[]) AS r (id, today)
    LEFT JOIN routing.credits c ON c.pool = %(pool)s AND c.rep_id = r.id
    LEFT JOIN LATERAL (
        SELECT array_agg(starts_at ORDER BY id) AS away, array_agg(ends_at ORDER BY id) AS back
        FROM routing.absences WHERE rep_id = r.id AND ends_at > %(moment)s) a ON true"""

_BOOK = """
    WITH booked AS (
        INSERT INTO routing.assignments (lead_id, round, rep_id, pool, local_day, assigned_at, why, credits)
        VALUES (%(lead_id)s, %(round)s, %(rep_id)s, %(pool)s, %(today)s, %(moment)s, %(why)s, %(changes)s)
        ON CONFLICT DO NOTHING RETURNING lead_id),
    moved AS (
        INSERT INTO routing.credits (pool, rep_id, credit)
        SELECT %(pool)s, new.id, new.credit
        FROM booked, unnest(%(members)s::text[], %(credits)s::float8[]) AS new (id, credit)
        ON CONFLICT (pool, rep_id) DO UPDATE SET credit = EXCLUDED.credit)
    SELECT lead_id FROM booked"""

_GIVE_BACK = """
    WITH released AS (
        UPDATE routing.assignments SET released_at = %(moment)s, release_why = %(why)s
        WHERE lead_id = %(lead_id)s AND round = %(round)s AND released_at IS NULL
        RETURNING rep_id, pool, credits),
    moved AS (
        UPDATE routing.credits c SET credit = c.credit - change.value::float8
        FROM released, jsonb_each_text(released.credits) AS change
        WHERE c.pool = released.pool AND c.rep_id = change.key)
    SELECT rep_id, pool, credits FROM released"""


class Transaction(Protocol):
    """Something with a connection inside a transaction; `workers.runtime.work.Work` is one."""

    @property
    def connection(self) -> AsyncConnection[DictRow]:
        """The connection; isolation READ COMMITTED."""
        ...


class PostgresRepDesk:
    """`ports.reps.RepDesk` on PostgreSQL.

    Args:
        transaction: where everything is read and written; it holds its locks until it ends.
        country: public holidays of the sales organisation (`Settings.sales_calendar`).
        timezone: where the sales organisation has its office hours.
    """

    def __init__(self, transaction: Transaction, *, country: str = "US", timezone: str = "UTC") -> None:
        self._transaction = transaction
        self._country = country
        self._timezone = timezone

    async def assign(self, lead_id: str, round_: int, demand: Demand, moment: datetime) -> Decision:
        """See the port. Three statements: lock, load, book."""
        # A person's choice concerns one rep only, and must not wait for the whole territory.
        named = demand.account_owner if demand.choice is None else demand.choice.rep_id
        locked = await self._rows(
            _LOCK_POOL,
            {
                "territory": demand.territory if demand.choice is None else None,
                "others": [] if named is None else [named],
            },
        )
        decision = decide(await self._candidates(locked, demand.territory, moment), demand, moment)
        booked = await self._rows(
            _BOOK,
            {
                "lead_id": lead_id,
                "round": round_,
                "rep_id": decision.rep.id,
                "pool": decision.pool,
                "today": decision.rep.calendar.local_day(moment),
                "moment": moment,
                "why": decision.why,
                "changes": Jsonb(dict(decision.changes)),
                "members": list(decision.credits),
                "credits": list(decision.credits.values()),
            },
        )
        if not booked:
            raise AlreadyAssigned
        return decision

    async def release(self, lead_id: str, round_: int, why: str, moment: datetime) -> Released | None:
        """See the port. The reps are locked first, as in `assign`."""
        key = {"lead_id": lead_id, "round": round_, "why": why, "moment": moment}
        await self._rows(
            """SELECT 1 FROM routing.reps WHERE id IN (
                   SELECT rep_id FROM routing.assignments WHERE lead_id = %(lead_id)s AND round = %(round)s
                   UNION SELECT jsonb_object_keys(credits) FROM routing.assignments
                   WHERE lead_id = %(lead_id)s AND round = %(round)s)
               ORDER BY id FOR NO KEY UPDATE""",
            key,
        )
        released = await self._rows(_GIVE_BACK, key)
        if not released:
            return None
        return Released(released[0]["rep_id"], released[0]["pool"], released[0]["credits"])

    async def accept(self, lead_id: str, round_: int, moment: datetime) -> bool:
        """See the port."""
        return bool(
            await self._rows(
                """UPDATE routing.assignments SET accepted_at = coalesce(accepted_at, %(moment)s)
                   WHERE lead_id = %(lead_id)s AND round = %(round)s AND released_at IS NULL RETURNING lead_id""",
                {"lead_id": lead_id, "round": round_, "moment": moment},
            )
        )

    async def take_over(self, lead_id: str, rep_id: str, why: str) -> bool:
        """See the port."""
        return await hand_over(self._transaction.connection, lead_id, rep_id, why, first=True)

    async def close(self, lead_id: str, moment: datetime) -> bool:
        """See the port."""
        return bool(
            await self._rows(
                """UPDATE routing.assignments SET closed_at = %(moment)s
                   WHERE lead_id = %(lead_id)s AND released_at IS NULL AND closed_at IS NULL RETURNING lead_id""",
                {"lead_id": lead_id, "moment": moment},
            )
        )

    async def suggestions(self, demand: Demand, moment: datetime, by: Literal["triage", "manager"]) -> list[Suggestion]:
        """See the port."""
        reps = await self._rows(_READ_ALL, {})
        return suggest(await self._candidates(reps, demand.territory, moment), demand, moment, by)

    async def next_chance(self, demand: Demand, moment: datetime) -> datetime | None:
        """See the port."""
        reps = await self._rows(_READ_ALL, {})
        return next_chance(await self._candidates(reps, demand.territory, moment), demand, moment)

    async def team_calendar(self, territory: str | None) -> WorkCalendar:
        """See the port."""
        found = await self._rows(
            "SELECT timezone, holidays FROM routing.territories WHERE id = %(id)s", {"id": territory}
        )
        timezone, country = (found[0]["timezone"], found[0]["holidays"]) if found else (self._timezone, self._country)
        return office_calendar(timezone, country)

    async def _candidates(self, rows: Sequence[DictRow], pool: str | None, moment: datetime) -> list[Candidate]:
        """Reps with load and credit; the calendars are read first, as "today" is each rep's own."""
        calendars = {row["id"]: _calendar(row) for row in rows}
        days = [calendars[row["id"]].local_day(moment) for row in rows]
        loads = await self._rows(_LOAD, {"ids": list(calendars), "days": days, "pool": pool, "moment": moment})
        load = {row["id"]: row for row in loads}
        return [_candidate(row, calendars[row["id"]], load[row["id"]]) for row in rows]

    async def _rows(self, query: str, parameters: dict[str, Any]) -> list[DictRow]:  # Any: SQL parameters
        cursor = await self._transaction.connection.execute(query.encode(), parameters)
        return await cursor.fetchall()


async def hand_over(
    connection: AsyncConnection[DictRow], lead_id: str, rep_id: str, why: str, *, first: bool = False
) -> bool:
    """A person gave the lead to somebody: whoever had it gets the slot back, and `rep_id` has it as accepted, also beyond
    what the rep could take by our count. No credits move. Somebody who is no rep of ours takes no slot.

    Whether a slot was taken: not for a lead whose outcome is known, nor, without `first`, for one that never took any.
    """
    cursor = await connection.execute(
        """
        WITH released AS (
            UPDATE routing.assignments SET released_at = now(), release_why = %(why)s
            WHERE lead_id = %(lead_id)s AND released_at IS NULL RETURNING closed_at)
        SELECT (SELECT max(round) FROM routing.assignments WHERE lead_id = %(lead_id)s) AS round,
            (SELECT closed_at IS NOT NULL FROM released) AS closed
        """,
        {"lead_id": lead_id, "why": why},
    )
    row = await cursor.fetchone()
    if row is None or row["closed"] or (row["round"] is None and not first):
        return False
    booked = await connection.execute(
        """
        INSERT INTO routing.assignments (lead_id, round, rep_id, local_day, assigned_at, accepted_at, why)
        SELECT %(lead_id)s, %(round)s + 1, id, (now() AT TIME ZONE timezone)::date, now(), now(), %(why)s
        FROM routing.reps WHERE id = %(rep_id)s
        """,
        {"lead_id": lead_id, "round": -1 if row["round"] is None else row["round"], "rep_id": rep_id, "why": why},
    )
    return booked.rowcount == 1


async def roster(connection: AsyncConnection[DictRow], since: datetime) -> list[Rep]:
    """The active reps by id, with their absences that end after `since`."""
    cursor = await connection.execute(
        f"""
        SELECT {_REPS}, a.away, a.back FROM routing.reps r LEFT JOIN LATERAL (
            SELECT array_agg(starts_at ORDER BY id) AS away, array_agg(ends_at ORDER BY id) AS back
            FROM routing.absences WHERE rep_id = r.id AND ends_at > %(since)s) a ON true
        WHERE active ORDER BY id""".encode(),  # noqa: S608 - a constant
        {"since": since},
    )
    return [_rep(row, _calendar(row), row) for row in await cursor.fetchall()]


def _candidate(row: DictRow, calendar: WorkCalendar, load: DictRow) -> Candidate:
    return Candidate(_rep(row, calendar, load), load["open_leads"], load["leads_today"], load["credit"])


def _rep(row: DictRow, calendar: WorkCalendar, absent: DictRow) -> Rep:
    absences = zip(absent["away"] or (), absent["back"] or (), strict=True)
    return Rep(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        login=row["login"],
        territories=frozenset(row["territories"]),
        languages=frozenset(row["languages"]),
        skills=frozenset(row["skills"]),
        weight=row["weight"],
        daily_capacity=row["daily_capacity"],
        open_capacity=row["open_capacity"],
        active=row["active"],
        calendar=calendar.with_absences(absences),
    )


def _calendar(row: DictRow) -> WorkCalendar:
    """The rep's calendar; one that cannot be read has no working time, so that it stops no colleague's work."""
    try:
        return _parsed(row["timezone"], row["working_hours"], row["holidays"])
    except CalendarError as error:
        structlog.get_logger().warning("A rep gets no leads.", action="rep_calendar_bad", rep=row["id"], why=str(error))
        return work_calendar("UTC", {}, "US")


@lru_cache(maxsize=1024)  # the same at every assignment, until somebody changes the row
def _parsed(timezone: str, hours: str, country: str) -> WorkCalendar:
    return work_calendar(timezone, json.loads(hours), country)
