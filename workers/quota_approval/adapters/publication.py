"""Publications on PostgreSQL (tables quotas.publications and what hangs on it)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import LiteralString

from psycopg.rows import DictRow

from workers.office import links
from workers.office.publication import Sending, Target, TargetResult, version_of
from workers.office.sendings import Sendings
from workers.quota_approval.adapters.printing import Quota, letter_pdf
from workers.quota_approval.domain.letters import letter_path
from workers.quota_approval.domain.people import Person
from workers.quota_approval.domain.reviews import Organisation, Review
from workers.quota_approval.ports.publication import CHANNELS
from workers.runtime.database import Pool
from workers.runtime.work import Work
from workers.settings import Settings


class PostgresPublicationDesk:
    """`PublicationDesk` on the job's connection; `results` on one of the pool's."""

    def __init__(self, work: Work, pool: Pool, settings: Settings) -> None:
        self._work = work
        self._settings = settings
        self._sendings = Sendings(work, pool, schema="quotas", case="quota_id", channels=CHANNELS)

    async def store(self, review: Review, release: int, organisation: Organisation) -> str:
        """See `PublicationDesk.store`."""
        connection, version = self._work.connection, version_of(review.quota_id, release)
        cursor = await connection.execute("SELECT card FROM quotas.plans WHERE version = %s", (review.version,))
        row = await cursor.fetchone()
        assert row is not None  # the review names it
        months = [date.fromisoformat(month) for month in row["card"]["months"]]
        last = months[-1].replace(day=monthrange(months[-1].year, months[-1].month)[1])
        await connection.execute(
            "INSERT INTO quotas.publications (version, quota_id, release, organisation, period, plan_version, currency,"
            " valid_from, valid_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(version, review.quota_id, release, review.organisation, review.period, review.version),
                *(organisation.currency, months[0], last),
            ),
        )
        await connection.execute(
            "INSERT INTO quotas.published (version, place, node, name, parent, level, quota, last_quota, odds, months)"
            " SELECT %s, place, node, facts->>'name', facts->>'parent', facts->>'level', quota,"
            " (facts->>'last_quota')::bigint, (facts->>'odds')::float8, months FROM quotas.cases WHERE quota_id = %s",
            (version, review.quota_id),
        )
        return version

    async def send(self, sending: Sending, organisation: Organisation) -> None:
        """See `PublicationDesk.send`."""
        await self._sendings.send(sending, used=sending.target in organisation.targets)

    async def recall(self, version: str, target: Target, change_id: str) -> None:
        """See `PublicationDesk.recall`."""
        await self._sendings.recall(version, target, change_id)

    async def results(self, quota_id: str, release: int) -> tuple[Sequence[TargetResult], datetime]:
        """See `PublicationDesk.results`."""
        return await self._sendings.results(quota_id, release)

    async def print_letters(
        self, version: str, organisation: Organisation, people: Sequence[Person], at: datetime
    ) -> int:
        """See `PublicationDesk.print_letters`."""
        reps = {one.node: one for one in people if one.role == "rep" and one.node}
        rows = await self._rows(
            "SELECT s.node, s.name, s.quota, s.last_quota, p.period, p.valid_from, p.valid_until"
            " FROM quotas.published s JOIN quotas.publications p USING (version)"
            " WHERE s.version = %s AND s.node = ANY(%s) ORDER BY s.place",
            version,
            list(reps),
        )
        async with self._work.connection.cursor() as cursor:
            for row in rows:
                quota = Quota(
                    **{name: row[name] for name in ("quota", "last_quota", "period", "valid_from", "valid_until")}
                )
                person = reps[row["node"]]
                pdf = letter_pdf(organisation.name, organisation.currency, person.name, quota, version, at)
                await cursor.execute(
                    "INSERT INTO quotas.letters (version, node, address, pdf, printed_at) VALUES (%s, %s, %s, %s, %s)"
                    " ON CONFLICT (version, node) DO UPDATE SET pdf = excluded.pdf, address = excluded.address,"
                    " printed_at = excluded.printed_at, void_at = NULL",  # a second attempt
                    (version, row["node"], person.email, pdf, at),
                )
        return len(rows)

    async def void_letters(self, version: str, at: datetime) -> int:
        """See `PublicationDesk.void_letters`."""
        cursor = await self._work.connection.execute(
            "UPDATE quotas.letters SET void_at = %s WHERE version = %s AND void_at IS NULL", (at, version)
        )
        return cursor.rowcount

    async def send_letters(self, version: str, at: datetime) -> Sequence[tuple[str, str, str]]:
        """See `PublicationDesk.send_letters`."""
        rows = await self._rows(
            "UPDATE quotas.letters l SET sent_at = %s FROM quotas.published s WHERE l.version = %s"
            " AND s.version = l.version AND s.node = l.node AND l.void_at IS NULL RETURNING l.node, l.address, s.name",
            at,
            version,
        )
        secret, until = links.secret_of(self._settings), at + timedelta(hours=self._settings.gateway.link_hours)
        base = self._settings.gateway_url
        return [
            (row["address"], row["name"], links.signed(base, letter_path(version, row["node"]), secret, until))
            for row in rows
        ]

    async def _rows(self, query: LiteralString, *values: object) -> list[DictRow]:
        cursor = await self._work.connection.execute(query, values)
        return await cursor.fetchall()
