"""Publications on PostgreSQL (tables territories.publications and what hangs on it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from psycopg.types.json import Jsonb

from workers.office.sendings import Sendings
from workers.runtime.database import Pool
from workers.runtime.work import Work
from workers.territory_alignment.domain.release import ReleaseFacts
from workers.territory_alignment.ports.publication import CHANNELS, RepNews

_NEWS = """
SELECT r.rep, r.name, r.email,
    array_agg(a.account ORDER BY a.potential DESC) FILTER (WHERE a.rep = r.rep) AS gained,
    array_agg(a.account ORDER BY a.potential DESC) FILTER (WHERE a.owner = r.rep) AS lost
FROM territories.publications p
JOIN territories.plan_accounts a ON a.version = p.plan_version AND a.owner <> a.rep
JOIN territories.reps r ON r.organisation = p.organisation AND r.rep IN (a.rep, a.owner)
WHERE p.version = %s GROUP BY r.rep, r.name, r.email, r.place ORDER BY r.place
"""


class PostgresPublicationDesk(Sendings):
    """`PublicationDesk` on the job's connection; `results` on one of the pool's."""

    def __init__(self, work: Work, pool: Pool) -> None:
        super().__init__(work, pool, schema="territories", case="alignment_id", channels=CHANNELS)
        self._job = work

    async def store(self, alignment_id: str, release: int, organisation: str, facts: ReleaseFacts) -> None:
        """See `PublicationDesk.store`."""
        await self._job.connection.execute(
            "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version,"
            " effective_from, facts) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                *(facts.published_version, alignment_id, release, organisation, facts.plan_version),
                *(facts.effective_from, Jsonb(asdict(facts))),
            ),
        )

    async def approve(
        self,
        version: str,
        choice: Literal["approve", "reject"],
        *,
        level: str,
        decided_by: str,
        comment: str,
        at: datetime,
    ) -> None:
        """See `PublicationDesk.approve`."""
        await self._job.connection.execute(
            "INSERT INTO territories.approvals (version, choice, level, decided_by, comment, decided_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (version, choice, level, decided_by, comment, at),
        )

    async def editors(self, alignment_id: str) -> Sequence[str]:
        """See `PublicationDesk.editors`."""
        cursor = await self._job.connection.execute(
            """
            SELECT asked_by AS who FROM territories.alignments WHERE alignment_id = %(id)s
            UNION SELECT by_whom FROM territories.looks l WHERE alignment_id = %(id)s AND EXISTS (
                SELECT FROM territories.edits e WHERE e.alignment_id = l.alignment_id AND e.look_key = l.look_key
                AND e.kept)
            """,
            {"id": alignment_id},
        )
        return sorted(row["who"] for row in await cursor.fetchall())

    async def news(self, version: str) -> Sequence[RepNews]:
        """See `PublicationDesk.news`."""
        cursor = await self._job.connection.execute(_NEWS.encode(), (version,))
        return [
            RepNews(row["rep"], row["name"], row["email"], tuple(row["gained"] or ()), tuple(row["lost"] or ()))
            for row in await cursor.fetchall()
        ]
