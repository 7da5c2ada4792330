"""What a person or a system may do to rankings of opportunities. `fairlead opportunities` and HTTP share it."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.intake import send_message
from workers.gateway.prioritisation_contracts import PrioritisationView, RankedOpportunity
from workers.office.teams import REP_IS_OURS, Teams
from workers.opportunity_prioritisation.adapters.asking import ask_prioritisation

Connection = AsyncConnection[DictRow]


class PrioritisationUnknown(LookupError):
    """There is no such ranking, or no such organisation."""


class PrioritisationOpen(ValueError):
    """A ranking of the organisation is under way."""

    def __init__(self, prioritisation_id: str) -> None:
        super().__init__(f"The ranking {prioritisation_id} is under way.")
        self.prioritisation_id = prioritisation_id


class PrioritisationFinished(ValueError):
    """The ranking has ended; `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The ranking is {state} already.")
        self.state = state


async def start(connection: Connection, organisation: str, *, actor: str, now: datetime) -> tuple[str, bool]:
    """Ask for a ranking in the connection's transaction; its id, and False if it was asked for in the same second.

    Raises:
        PrioritisationUnknown: there is no such organisation.
        PrioritisationOpen: one is under way.
    """
    found = await connection.execute("SELECT FROM selling.organisations WHERE id = %s", (organisation,))
    if not found.rowcount:
        raise PrioritisationUnknown(f"There is no organisation {organisation} that sells.")
    found = await connection.execute(
        "SELECT prioritisation_id FROM selling.prioritisations WHERE organisation = %s AND state = 'open'",
        (organisation,),
    )
    if (row := await found.fetchone()) is not None:
        raise PrioritisationOpen(row["prioritisation_id"])
    return await ask_prioritisation(connection, organisation, actor, now)


async def withdraw(connection: Connection, prioritisation_id: str, why: str, *, actor: str, ttl_seconds: int) -> bool:
    """Have it stopped, and the CRM's ranking before restored; False if that was asked before.

    Raises:
        PrioritisationUnknown: no ranking of this id was opened.
        PrioritisationFinished: nothing is left to stop.
    """
    async with connection.transaction():
        found = await connection.execute(
            "SELECT state FROM selling.prioritisations WHERE prioritisation_id = %s", (prioritisation_id,)
        )
        row = await found.fetchone()
        if row is None:
            raise PrioritisationUnknown(f"There is no ranking {prioritisation_id}.")
        if row["state"] != "open":
            raise PrioritisationFinished(row["state"])
        asked = await send_message(
            connection, "prioritisation_withdrawn", prioritisation_id, {"withdraw_why": why}, ttl_seconds
        )
        if asked:
            await connection.execute(
                "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
                (prioritisation_id, actor, "withdrawal_asked", why, Jsonb({})),
            )
        return asked


async def read(
    connection: Connection, prioritisation_id: str, *, rep: str | None, teams: Teams = None
) -> PrioritisationView | None:
    """One ranking, of all reps or of one; with `teams` of their reps only, None if it has none of them."""
    cursor = await connection.execute(
        "SELECT prioritisation_id, organisation, asked_by, state, chances_from, opened_at, closed_at"
        " FROM selling.prioritisations WHERE prioritisation_id = %s",
        (prioritisation_id,),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    cursor = await connection.execute(
        "SELECT opportunity_id, facts->'opportunity'->>'name' AS name, facts->>'customer' AS customer, rep_id, place,"  # noqa: S608 - of our own constants only
        " chance, (facts->'opportunity'->>'amount')::float8 AS amount, expected_value, action, why, said, said_why"
        " FROM selling.ranked WHERE prioritisation_id = %(id)s AND (%(rep)s::text IS NULL OR rep_id = %(rep)s)"
        f" AND (%(teams)s::text[] IS NULL OR {REP_IS_OURS.format(rep='rep_id')})"
        " ORDER BY place IS NULL, rep_id, place, opportunity_id".encode(),
        {"id": prioritisation_id, "rep": rep, "teams": None if teams is None else list(teams)},
    )
    if teams is not None and not cursor.rowcount:
        return None
    return PrioritisationView(**row, opportunities=[RankedOpportunity(**one) for one in await cursor.fetchall()])


async def latest(connection: Connection, organisation: str) -> str | None:
    """The newest ranking of an organisation."""
    cursor = await connection.execute(
        "SELECT prioritisation_id FROM selling.prioritisations WHERE organisation = %s ORDER BY opened_at DESC LIMIT 1",
        (organisation,),
    )
    row = await cursor.fetchone()
    return row["prioritisation_id"] if row else None
