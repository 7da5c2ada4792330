"""Managers' answers and edits on PostgreSQL (tables territories.looks and edits)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from workers.runtime.work import Work
from workers.territory_alignment.domain.looks import Answer, Edit, Word


class PostgresLookDesk:
    """`LookDesk` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def answer(
        self,
        alignment_id: str,
        look_key: str,
        region: str,
        answer: Answer,
        *,
        seen: str,
        by: str,
        note: str,
        at: datetime,
        edits: Sequence[Edit] = (),
    ) -> None:
        """See `LookDesk.answer`."""
        connection = self._work.connection
        await connection.execute(
            "INSERT INTO territories.looks (alignment_id, look_key, region, seen_version, answer, by_whom, note, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (alignment_id, look_key, region, seen, answer, by, note, at),
        )
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO territories.edits (alignment_id, look_key, account, kind, rep) VALUES (%s, %s, %s, %s, %s)",
                [(alignment_id, look_key, one.account, one.kind, one.rep) for one in edits],
            )

    async def edits(self, alignment_id: str, look_key: str) -> Sequence[Edit]:
        """See `LookDesk.edits`."""
        cursor = await self._work.connection.execute(
            "SELECT account, kind, rep FROM territories.edits WHERE alignment_id = %s AND (kept OR look_key = %s)"
            " ORDER BY id",
            (alignment_id, look_key),
        )
        return [Edit(**row) for row in await cursor.fetchall()]

    async def keep(self, alignment_id: str, look_key: str) -> None:
        """See `LookDesk.keep`."""
        await self._work.connection.execute(
            "UPDATE territories.edits SET kept = true WHERE alignment_id = %s AND look_key = %s",
            (alignment_id, look_key),
        )

    async def last(self, alignment_id: str, prefix: str) -> Mapping[str, tuple[str, str]]:
        """See `LookDesk.last`."""
        cursor = await self._work.connection.execute(
            "SELECT DISTINCT ON (region) region, answer, seen_version FROM territories.looks"
            " WHERE alignment_id = %s AND starts_with(look_key, %s) ORDER BY region, at DESC",
            (alignment_id, prefix),
        )
        return {row["region"]: (row["answer"], row["seen_version"]) for row in await cursor.fetchall()}

    async def last_words(self, alignment_id: str) -> Sequence[Word]:
        """See `LookDesk.last_words`."""
        cursor = await self._work.connection.execute(
            "SELECT DISTINCT ON (region) region, answer, by_whom AS by, note FROM territories.looks"
            " WHERE alignment_id = %s ORDER BY region, at DESC",
            (alignment_id,),
        )
        return [Word(**row) for row in await cursor.fetchall()]

    async def close(
        self, alignment_id: str, prefix: str, regions: Sequence[str], version: str, at: datetime
    ) -> list[str]:
        """See `LookDesk.close`."""
        answers = await self.last(alignment_id, prefix)
        closed = [one for one in regions if answers.get(one, ("", ""))[0] not in {"accept", "refuse"}]
        for region in closed:
            await self._work.connection.execute(
                "INSERT INTO territories.looks (alignment_id, look_key, region, seen_version, answer, at)"
                " VALUES (%s, %s, %s, %s, 'closed', %s)",
                (alignment_id, f"{prefix}{region}/closed", region, version, at),
            )
        return closed
