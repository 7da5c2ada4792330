"""What a person or a system may do to territories from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.intake import send_message
from workers.territory_alignment.adapters.asking import ask_alignment
from workers.territory_alignment.domain.organisation import LIVE, Reason

Connection = AsyncConnection[DictRow]


class AlignmentUnknown(LookupError):
    """There is no such alignment."""


class AlignmentFinished(ValueError):
    """The alignment has ended; `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The alignment is {state} already.")
        self.state = state


class AlignmentOpen(ValueError):
    """An alignment of the organisation is under way."""

    def __init__(self, alignment_id: str) -> None:
        super().__init__(f"The alignment {alignment_id} is under way.")
        self.alignment_id = alignment_id


class AlignmentRefused(ValueError):
    """It cannot be asked for so; the message says what is missing."""


async def start(
    connection: Connection,
    organisation: str,
    reason: Reason,
    *,
    actor: str,
    leaving: Sequence[str] = (),
    joining: Sequence[str] = (),
    effective_from: date | None = None,
) -> tuple[str, bool]:
    """Ask for an alignment in the connection's transaction; its id, and False if it was asked for in the same second.

    Raises:
        AlignmentUnknown: there is no such organisation, or no such rep in it.
        AlignmentRefused: the reason needs the name of who leaves or joins.
        AlignmentOpen: one is under way. One that is asked for at the same moment joins it in the process.
    """
    found = await connection.execute("SELECT FROM territories.organisations WHERE id = %s", (organisation,))
    if not found.rowcount:
        raise AlignmentUnknown(
            f"There is no organisation {organisation} with territories; load it by `fairlead territory load`."
        )
    if reason in LIVE and not (leaving if reason == "rep_left" else joining):
        raise AlignmentRefused(f"Say who it is: with the reason {reason} at least one rep is named.")
    found = await connection.execute("SELECT rep FROM territories.reps WHERE organisation = %s", (organisation,))
    unknown = sorted({*leaving, *joining} - {row["rep"] for row in await found.fetchall()})
    if unknown:
        raise AlignmentUnknown(f"{organisation} has no rep {', '.join(unknown)}; load who joins with all reps first.")
    found = await connection.execute(
        "SELECT alignment_id FROM territories.alignments WHERE organisation = %s AND state = 'open'", (organisation,)
    )
    if (row := await found.fetchone()) is not None:
        raise AlignmentOpen(row["alignment_id"])
    return await ask_alignment(
        connection,
        organisation,
        reason,
        actor,
        datetime.now(UTC),
        leaving=leaving,
        joining=joining,
        effective_from=effective_from,
    )


async def withdraw(connection: Connection, alignment_id: str, why: str, *, actor: str, ttl_seconds: int) -> bool:
    """Ask the alignment's process to stop and to undo what it did; False if that was asked before.

    The message goes behind `territories_requested` in the outbox, so that it finds the process even of an alignment just
    asked for.

    Raises:
        AlignmentUnknown: no alignment of this id was opened or asked for.
        AlignmentFinished: nothing is left to stop.
    """
    async with connection.transaction():
        found = await connection.execute(
            """
            SELECT coalesce(
                (SELECT state FROM territories.alignments WHERE alignment_id = %(id)s),
                (SELECT 'open' WHERE EXISTS (SELECT FROM runtime.outbox WHERE channel = 'zeebe.message'
                        AND external_id = 'territories_requested:' || %(id)s)
                    OR EXISTS (SELECT FROM runtime.delivered WHERE channel = 'zeebe.message'
                        AND external_id = 'territories_requested:' || %(id)s))) AS state
            """,
            {"id": alignment_id},
        )
        row = await found.fetchone()
        if row is None or row["state"] is None:
            raise AlignmentUnknown(f"There is no alignment {alignment_id}.")
        if row["state"] != "open":
            raise AlignmentFinished(row["state"])
        asked = await send_message(
            connection, "territories_withdrawn", alignment_id, {"withdraw_why": why}, ttl_seconds
        )
        if asked:
            await connection.execute(
                "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
                (alignment_id, actor, "withdrawal_asked", why, Jsonb({})),
            )
        return asked
