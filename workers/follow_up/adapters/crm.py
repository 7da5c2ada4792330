"""The built-in CRM's activities (table crm.activities). It stands for another system: it is written through the outbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from workers.follow_up.ports.crm import CHANNEL, ActivityState
from workers.office.systems import CrmDatabase
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work

Contacted = Callable[[Sequence[str], datetime], Awaitable[None]]
"""Tells another system of contacts with opportunities; a repeat changes nothing but the moment."""


class OutboxCrmActivities:
    """`CrmActivities` through the outbox."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def put(
        self,
        follow_up_id: str,
        state: ActivityState,
        *,
        subject_kind: str,
        subject_id: str,
        rep_id: str,
        channel: str,
        due_at: datetime,
        result: str = "",
    ) -> None:
        """See `CrmActivities.put`."""
        await self._work.send(
            CHANNEL,
            {
                "follow_up_id": follow_up_id,
                "state": state,
                "subject_kind": subject_kind,
                "subject_id": subject_id,
                "rep_id": rep_id,
                "kind": channel,
                "due_at": due_at.isoformat(),
                "result": result,
            },
        )

    async def remove(self, follow_up_id: str) -> None:
        """See `CrmActivities.remove`."""
        await self._work.send(CHANNEL, {"follow_up_id": follow_up_id, "state": "removed"})


class ActivityDelivery:
    """Carries activities to the CRM; rows of one follow-up come in their order, so that a repeat changes nothing."""

    def __init__(self, database: CrmDatabase, contacted: Contacted | None = None) -> None:
        """`contacted`: told of contacts with opportunities, if another system has these."""
        self._database = database
        self._contacted = contacted

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row.

        Raises:
            CrmDown: the CRM did not answer.
            PermanentError: the payload is not one of ours.
        """
        wanted = row.payload
        if not isinstance(wanted.get("follow_up_id"), str) or "state" not in wanted:
            raise PermanentError("This activity for the CRM names no follow-up; drop it, or correct its payload.")
        if self._contacted and wanted.get("subject_kind") == "opportunity" and wanted["state"] == "done":
            await self._contacted([wanted["subject_id"]], datetime.now(UTC))
        async with self._database.transaction() as crm:
            seen = await crm.execute(
                "SELECT FROM crm.activities WHERE external_id = %s AND change_id = %s FOR UPDATE",
                (wanted["follow_up_id"], row.external_id),
            )
            if seen.rowcount:
                return
            if wanted["state"] == "removed":
                await crm.execute(
                    "UPDATE crm.activities SET state = 'removed', change_id = %s, updated_at = now()"
                    " WHERE external_id = %s AND state <> 'done'",
                    (row.external_id, wanted["follow_up_id"]),
                )
                return
            await crm.execute(
                """
                INSERT INTO crm.activities
                    (external_id, subject_kind, subject_id, rep_id, kind, due_at, state, result, change_id)
                VALUES (%(follow_up_id)s, %(subject_kind)s, %(subject_id)s, %(rep_id)s, %(kind)s, %(due_at)s, %(state)s,
                    %(result)s, %(change_id)s)
                ON CONFLICT (external_id) DO UPDATE SET rep_id = excluded.rep_id, due_at = excluded.due_at,
                    state = excluded.state, result = excluded.result, change_id = excluded.change_id, updated_at = now()
                """,
                {**wanted, "change_id": row.external_id},
            )
            if wanted["subject_kind"] == "opportunity" and wanted["state"] == "done":
                # A contact is news for the ranking of the next morning.
                await crm.execute(
                    "UPDATE crm.opportunities SET last_contact_at = now(), contacts = contacts + 1 WHERE id = %s",
                    (wanted["subject_id"],),
                )
