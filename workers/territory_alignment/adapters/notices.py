"""Addresses from the organisation's rows (tables territories.organisations and regions)."""

from __future__ import annotations

from collections.abc import Sequence

from workers.runtime.work import Work


class PostgresNoticeDesk:
    """`NoticeDesk` on the job's connection."""

    def __init__(self, work: Work, *, sales_ops: Sequence[str], camunda_url: str) -> None:
        self._work = work
        self._sales_ops = tuple(sales_ops)
        self.tasks = f"{camunda_url}/tasklist"

    async def addresses(self, alignment_id: str, group: str, manager: str | None = None) -> Sequence[str]:
        """See `NoticeDesk.addresses`."""
        cursor = await self._work.connection.execute(
            """
            SELECT o.people, (SELECT max(email) FROM territories.regions r
                WHERE r.organisation = o.id AND r.manager = %s AND r.manager <> '' AND r.email <> '') AS email
            FROM territories.alignments a JOIN territories.organisations o ON o.id = a.organisation
            WHERE a.alignment_id = %s
            """,
            (manager or "", alignment_id),
        )
        row = await cursor.fetchone()
        if row is not None and row["email"]:
            return (row["email"],)
        people = row["people"] if row else {}
        return tuple(people.get(group) or people.get("sales-ops") or self._sales_ops)
