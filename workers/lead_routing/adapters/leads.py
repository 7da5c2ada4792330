"""The book of leads on PostgreSQL (table routing.leads), in the job's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from workers.lead_routing.domain.duplicates import Keys, Known, keys_of
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.score import Score
from workers.lead_routing.ports.leads import FINAL, ReceivedLead, State
from workers.runtime.errors import CaseClosed, PermanentError
from workers.runtime.work import Work

_GAINED = ("name", "email", "phone", "company", "domain", "country", "language", "industry", "employees", "product")
"""Fields that a merged lead gives to its twin where that lacks them."""


class PostgresLeadBook:
    """`LeadBook` on the job's connection."""

    def __init__(self, work: Work, *, window: timedelta) -> None:
        self._work = work
        self._window = window

    async def received(self, lead_id: str) -> ReceivedLead:
        """See `LeadBook.received`."""
        cursor = await self._work.connection.execute(
            "SELECT lead_id, source, raw, received_at, state FROM routing.leads WHERE lead_id = %s FOR NO KEY UPDATE",
            (lead_id,),
        )
        row = await cursor.fetchone()
        if row is None:
            raise _unknown(lead_id)
        return ReceivedLead(**row)

    async def lock_twins(self, keys: Keys) -> None:
        """See `LeadBook.lock_twins`."""
        connection = self._work.connection
        async with connection.pipeline():
            for key in keys.locks():  # one by one: a single statement would not promise the order
                await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))

    async def possible_twins(self, received: ReceivedLead, keys: Keys) -> Sequence[Known]:
        """See `LeadBook.possible_twins`."""
        cursor = await self._work.connection.execute(
            """
            SELECT lead_id, email_key, phone_key, person_key, lead->>'name' AS name, received_at FROM routing.leads
            WHERE (email_key = %(email)s OR phone_key = %(phone)s OR person_key = %(person)s)
              AND lead_id <> %(lead_id)s AND duplicate_of IS NULL
              AND state NOT IN ('received', 'invalid', 'merged', 'discarded', 'withdrawn')
              AND received_at BETWEEN %(at)s - %(window)s AND %(at)s + %(window)s
            ORDER BY received_at, lead_id
            """,
            {**asdict(keys), "lead_id": received.lead_id, "at": received.received_at, "window": self._window},
        )
        return [
            Known(
                row["lead_id"],
                Keys(row["email_key"], row["phone_key"], row["person_key"]),
                row["name"],
                row["received_at"],
            )
            for row in await cursor.fetchall()
        ]

    async def register(
        self, lead_id: str, lead: Lead, keys: Keys, *, state: Literal["registered", "invalid"], duplicate_of: str | None
    ) -> None:
        """See `LeadBook.register`."""
        await self._write(
            lead_id,
            "lead = %(lead)s, email_key = %(email)s, phone_key = %(phone)s, person_key = %(person)s,"
            " duplicate_of = %(duplicate_of)s, process_instance_key = %(instance)s",
            lead=Jsonb(asdict(lead)),
            **asdict(keys),
            duplicate_of=duplicate_of,
            instance=self._work.job.process_instance_key,
        )
        await self.set_state(lead_id, state)

    async def merge(self, lead_id: str, into: str) -> tuple[str, ...]:
        """See `LeadBook.merge`."""
        both = await self._read_both(lead_id, into)
        given, kept = both[lead_id], both[into]
        gained = tuple(f for f in _GAINED if getattr(kept, f) is None and getattr(given, f) is not None)
        added = {k: v for k, v in given.attributes.items() if k not in kept.attributes}
        if gained or added:
            fuller = replace(kept, **{f: getattr(given, f) for f in gained}, attributes={**kept.attributes, **added})
            await self._write(
                into,
                "lead = %(lead)s, email_key = %(email)s, phone_key = %(phone)s, person_key = %(person)s",
                lead=Jsonb(asdict(fuller)),
                **asdict(keys_of(fuller)),
            )
        await self._write(lead_id, "duplicate_of = %(into)s", into=into)
        await self.set_state(lead_id, "merged")
        return gained

    async def set_account(self, lead_id: str, account_id: str | None) -> None:
        """See `LeadBook.set_account`."""
        await self._write(lead_id, "account_id = %(account_id)s", account_id=account_id)

    async def set_score(self, lead_id: str, score: Score) -> None:
        """See `LeadBook.set_score`."""
        await self._write(lead_id, "score = %(score)s", score=Jsonb(asdict(score)))

    async def set_routing(self, lead_id: str, routing: Mapping[str, Any]) -> None:
        """See `LeadBook.set_routing`."""
        await self._write(lead_id, "routing = %(routing)s", routing=Jsonb(dict(routing)))

    async def set_state(self, lead_id: str, state: State) -> None:
        """See `LeadBook.set_state`."""
        await self._move(
            lead_id,
            "state_at = CASE WHEN state = %(state)s THEN state_at ELSE clock_timestamp() END, state = %(state)s",
            state=state,
        )

    async def set_owner(self, lead_id: str, owner_id: str, assigned_at: datetime, sla_due_at: datetime | None) -> None:
        """See `LeadBook.set_owner`."""
        await self._move(
            lead_id,
            "state_at = clock_timestamp(), state = %(state)s, owner_id = %(owner_id)s, assigned_at = %(assigned_at)s,"
            " first_assigned_at = coalesce(first_assigned_at, %(assigned_at)s), sla_due_at = %(sla_due_at)s",
            state="assigned",
            owner_id=owner_id,
            assigned_at=assigned_at,
            sla_due_at=sla_due_at,
        )

    async def clear_owner(self, lead_id: str) -> None:
        """See `LeadBook.clear_owner`."""
        await self._write(
            lead_id,
            "owner_id = NULL, assigned_at = NULL, sla_due_at = NULL, accepted_at = NULL,"
            " state_at = CASE WHEN state = 'assigned' THEN clock_timestamp() ELSE state_at END,"
            " state = CASE WHEN state = 'assigned' THEN 'registered' ELSE state END",
        )

    async def accepted(self, lead_id: str, at: datetime) -> None:
        """See `LeadBook.accepted`."""
        await self._move(
            lead_id,
            "state_at = clock_timestamp(), state = %(state)s, accepted_at = %(at)s, sla_due_at = NULL",
            state="accepted",
            at=at,
        )

    async def refused(self, lead_id: str, breached: bool) -> None:
        """See `LeadBook.refused`."""
        await self._write(lead_id, "sla_breaches = sla_breaches + %(breaches)s", breaches=int(breached))

    async def _read_both(self, one: str, other: str) -> dict[str, Lead]:
        # In the order of their ids, so that two merges never wait for each other.
        cursor = await self._work.connection.execute(
            "SELECT lead_id, lead FROM routing.leads WHERE lead_id = ANY(%s) ORDER BY lead_id FOR NO KEY UPDATE",
            ([one, other],),
        )
        found = {row["lead_id"]: Lead(**row["lead"]) for row in await cursor.fetchall() if row["lead"] is not None}
        for lead_id in (one, other):
            if lead_id not in found:
                raise _unknown(lead_id)
        return found

    async def _write(self, lead_id: str, assignments: str, **values: object) -> None:
        if not await self._update(lead_id, assignments, "", values):
            raise _unknown(lead_id)

    async def _move(self, lead_id: str, assignments: str, *, state: State, **values: object) -> None:
        """Change the state, unless the lead has come to an end."""
        open_still = " AND (state <> ALL(%(final)s) OR state = %(state)s)"
        if not await self._update(lead_id, assignments, open_still, {**values, "state": state, "final": list(FINAL)}):
            now = (await self.received(lead_id)).state
            raise CaseClosed(f"The lead {lead_id} is {now}, so that it can't become {state} any more.")

    async def _update(self, lead_id: str, assignments: str, condition: str, values: Mapping[str, object]) -> bool:
        cursor = await self._work.connection.execute(
            # All callers pass constants; values go as parameters.
            f"UPDATE routing.leads SET {assignments} WHERE lead_id = %(lead_id)s{condition}",  # noqa: S608
            {**values, "lead_id": lead_id},
        )
        return cursor.rowcount == 1


def _unknown(lead_id: str) -> PermanentError:
    return PermanentError(f"There is no registered lead {lead_id}. Send it to the gateway again, or cancel this case.")
