"""The book of promises on PostgreSQL (tables selling.follow_ups and follow_up_changes)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workers.follow_up.domain.follow_up import Change, FollowUp, State, Subject
from workers.office import reps
from workers.office.promises import Promise
from workers.office.reps import Rep
from workers.office.systems import CrmDatabase
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work


class PostgresFollowUpBook:
    """`FollowUpBook` on the job's connection; opportunities are asked of the built-in CRM, and of the rankings."""

    def __init__(self, work: Work, crm: CrmDatabase, *, sales_ops: Sequence[str]) -> None:
        self._work = work
        self._crm = crm
        self._sales_ops = tuple(sales_ops)

    async def open(self, follow_up_id: str, promise: Promise, at: datetime) -> None:
        """See `FollowUpBook.open`."""
        await self._work.connection.execute(
            "INSERT INTO selling.follow_ups (follow_up_id, subject_kind, subject_id, rep_id, contact, channel,"
            " promised_for, due_at, note, promised_by, opened_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (follow_up_id, promise.subject_kind, promise.subject_id, promise.rep_id, promise.contact, promise.channel,
             promise.promised_for, promise.promised_for, promise.note, promise.promised_by, at),
        )  # fmt: skip

    async def find(self, follow_up_id: str) -> FollowUp:
        """See `FollowUpBook.find`."""
        cursor = await self._work.connection.execute(
            "SELECT follow_up_id, subject_kind, subject_id, rep_id, contact, channel, promised_for, due_at, note,"
            " (SELECT count(*)::int FROM selling.follow_up_changes c WHERE c.follow_up_id = f.follow_up_id"
            " AND c.kind = 'postpone') AS postponements, state, opened_at FROM selling.follow_ups f"
            " WHERE follow_up_id = %s",
            (follow_up_id,),
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"The follow-up {follow_up_id} was never entered. Cancel this instance and promise anew."
            )
        return FollowUp(**row)

    async def subject(self, kind: str, subject_id: str) -> Subject:
        """See `FollowUpBook.subject`."""
        if kind == "lead":
            cursor = await self._work.connection.execute(
                "SELECT coalesce(lead->>'company', lead->>'name', lead_id) AS title, 0::float8 AS amount"
                " FROM routing.leads WHERE lead_id = %s",
                (subject_id,),
            )
            row = await cursor.fetchone()
        else:
            async with self._crm.transaction() as there:
                cursor = await there.execute(
                    "SELECT name AS title, amount_eur::float8 AS amount FROM crm.opportunities WHERE id = %s",
                    (subject_id,),
                )
                row = await cursor.fetchone()
            if row is None:  # of another CRM: as it was when it was last ranked
                cursor = await self._work.connection.execute(
                    "SELECT facts #>> '{opportunity,name}' AS title, (facts #>> '{opportunity,amount}')::float8 AS amount"
                    " FROM selling.ranked JOIN selling.prioritisations USING (prioritisation_id)"
                    " WHERE opportunity_id = %s ORDER BY opened_at DESC LIMIT 1",
                    (subject_id,),
                )
                row = await cursor.fetchone()
        return Subject(**row) if row else Subject(subject_id, 0.0)

    async def rep(self, rep_id: str) -> Rep | None:
        """See `FollowUpBook.rep`."""
        return await reps.find(self._work.connection, rep_id)

    async def rep_of_login(self, login: str) -> Rep | None:
        """See `FollowUpBook.rep_of_login`."""
        return await reps.of_login(self._work.connection, login)

    async def addresses(self, rep: Rep | None, group: str) -> Sequence[str]:
        """See `FollowUpBook.addresses`."""
        found = None if rep is None else rep.manager_email if group == "sales-managers" else rep.email
        return (found,) if found else self._sales_ops

    async def change(self, follow_up_id: str, key: str, change: Change, *, due_at: datetime, rep_id: str) -> None:
        """See `FollowUpBook.change`."""
        await self._work.connection.execute(
            'INSERT INTO selling.follow_up_changes (follow_up_id, change_key, kind, reason, by_whom, note, "before",'
            ' "after") VALUES (%s, %s, %s, %s, %s, %s, %s, %s)',
            (follow_up_id, key, change.kind, change.reason, change.by, change.note, change.before, change.after),
        )
        await self._work.connection.execute(
            "UPDATE selling.follow_ups SET due_at = %s, rep_id = %s WHERE follow_up_id = %s",
            (due_at, rep_id, follow_up_id),
        )

    async def changes(self, follow_up_id: str) -> Sequence[Change]:
        """See `FollowUpBook.changes`."""
        cursor = await self._work.connection.execute(
            'SELECT kind, reason, by_whom AS by, note, "before", "after" FROM selling.follow_up_changes'
            " WHERE follow_up_id = %s ORDER BY changed_at",
            (follow_up_id,),
        )
        return [Change(**row) for row in await cursor.fetchall()]

    async def escalated(self, follow_up_id: str, at: datetime) -> None:
        """See `FollowUpBook.escalated`."""
        await self._work.connection.execute(
            "UPDATE selling.follow_ups SET escalated_at = coalesce(escalated_at, %s) WHERE follow_up_id = %s",
            (at, follow_up_id),
        )

    async def close(self, follow_up_id: str, state: State, at: datetime, *, result: str, by: str, note: str) -> bool:
        """See `FollowUpBook.close`."""
        cursor = await self._work.connection.execute(
            "UPDATE selling.follow_ups SET state = %s, closed_at = %s, result = %s, contacted_by = %s,"
            " contact_note = %s WHERE follow_up_id = %s AND state = 'open'",
            (state, at, result, by, note, follow_up_id),
        )
        return cursor.rowcount == 1
