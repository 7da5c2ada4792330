"""How attempts to publish get on: a table `sendings` in the context's schema, and the outbox behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from psycopg import sql

from workers.office.publication import Sending, Target, TargetResult, Word
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work


class Sendings:
    """Writes on the job's connection, reads on one of the pool's.

    Args:
        schema: whose table ``sendings``; its column `case` has the business id.
        channels: the outbox channel of each target. The payload is ``{change_id, version}``, to undo it with
            ``undo: true``; see `workers.office.targets`.
    """

    def __init__(self, work: Work, pool: Pool, *, schema: str, case: str, channels: Mapping[Target, str]) -> None:
        self._work = work
        self._pool = pool
        self._names = {"schema": sql.Identifier(schema), "case": sql.Identifier(case)}
        self._channels = channels

    async def send(self, sending: Sending, *, used: bool) -> None:
        """Send a version to a target; one that the organisation does not use counts as having it."""
        state, why = ("pending", "") if used else ("delivered", "the organisation does not use it")
        await self._work.connection.execute(
            sql.SQL(
                "INSERT INTO {schema}.sendings (change_id, {case}, release, version, target, asked_at, state, why)"
                " VALUES (%(change_id)s, %(case_id)s, %(release)s, %(version)s, %(target)s, %(asked_at)s, %(state)s,"
                " %(why)s)"
            ).format(**self._names),
            asdict(sending) | {"state": state, "why": why},
        )
        if used:
            await self._work.send(
                self._channels[sending.target], {"change_id": sending.change_id, "version": sending.version}
            )

    async def recall(self, version: str, target: Target, change_id: str) -> None:
        """Have a target go back to what it had before the change; nothing happens if it came to nothing, and a newer
        version that somebody published meanwhile stays.
        """
        await self._work.send(self._channels[target], {"change_id": change_id, "version": version, "undo": True})

    async def results(self, case_id: str, release: int) -> tuple[Sequence[TargetResult], datetime]:
        """How an attempt got on at each target, and when it began; needs no transaction.

        Raises:
            PermanentError: nothing was sent.
        """
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                sql.SQL(
                    "SELECT target, state, why, former, asked_at FROM {schema}.sendings"
                    " WHERE {case} = %s AND release = %s ORDER BY target"
                ).format(**self._names),
                (case_id, release),
            )
            rows = await cursor.fetchall()
        if not rows:
            raise PermanentError(f"Release {release} of {case_id} was sent nowhere; publish it before it is confirmed.")
        found = [TargetResult(row["target"], row["state"], row["why"], row["former"]) for row in rows]
        return found, min(row["asked_at"] for row in rows)


def change_of(row: OutboxRow, kind: str) -> tuple[str, str]:
    """The change's id and the version that a row is about; `kind` says for messages what is published.

    Raises:
        PermanentError: it names none.
    """
    change, version = row.payload.get("change_id"), row.payload.get("version")
    if not (isinstance(change, str) and isinstance(version, str)):
        raise PermanentError(f"This change of a {kind} names no version; drop it, or correct its payload.")
    return change, version


async def note(pool: Pool, schema: str, change: str, word: Word) -> None:
    """Note what a target said; what was refused was never in use there: taking it back is no news."""
    async with pool.connection() as connection:
        await connection.execute(
            sql.SQL("""
            UPDATE {schema}.sendings SET state = %(state)s, why = %(why)s, former = %(former)s,
                in_use = %(in_use)s, settled_at = clock_timestamp()
            WHERE change_id = %(change)s AND NOT (state = 'refused' AND %(state)s = 'restored')
            """).format(schema=sql.Identifier(schema)),
            asdict(word) | {"change": change},
        )
