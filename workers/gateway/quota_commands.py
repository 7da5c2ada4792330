"""What a person or a system may do to quotas from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.intake import send_message
from workers.quota_approval.adapters.asking import ask_adjustment, ask_quotas

Connection = AsyncConnection[DictRow]


class OrganisationUnknown(LookupError):
    """There is no such organisation."""


class QuotasUnknown(LookupError):
    """There is no such review."""


class QuotasFinished(ValueError):
    """The review has ended; `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The review is {state} already.")
        self.state = state


class QuotasOpen(ValueError):
    """A review of the organisation is under way."""

    def __init__(self, quota_id: str) -> None:
        super().__init__(f"The review {quota_id} is under way.")
        self.quota_id = quota_id


async def start(
    connection: Connection,
    organisation: str,
    period: str,
    *,
    actor: str,
    concerned: Sequence[str] = (),
    change_percent: float | None = None,
) -> tuple[str, bool]:
    """Ask for quotas of a period, or (with `change_percent`) for an adjustment within it; the review's id, and False if
    it was asked for in the same second.

    Raises:
        OrganisationUnknown: nobody loaded it.
        QuotasOpen: a review is under way.
    """
    known = await connection.execute("SELECT FROM quotas.organisations WHERE id = %s", (organisation,))
    if not known.rowcount:
        raise OrganisationUnknown(f"There is no organisation {organisation}; load it by `fairlead quota load`.")
    found = await connection.execute(
        "SELECT quota_id FROM quotas.reviews WHERE organisation = %s AND state = 'open'", (organisation,)
    )
    if (row := await found.fetchone()) is not None:
        raise QuotasOpen(row["quota_id"])
    now = datetime.now(UTC)
    if change_percent is None:
        return await ask_quotas(connection, organisation, period, "by_hand", actor, now)
    return await ask_adjustment(connection, organisation, period, concerned, change_percent, actor, now)


async def withdraw(connection: Connection, quota_id: str, why: str, *, actor: str, ttl_seconds: int) -> bool:
    """Ask the review's process to stop and to undo what it did; False if that was asked before.

    Raises:
        QuotasUnknown: no review of this id was opened.
        QuotasFinished: nothing is left to stop.
    """
    async with connection.transaction():
        found = await connection.execute("SELECT state FROM quotas.reviews WHERE quota_id = %s", (quota_id,))
        row = await found.fetchone()
        if row is None:
            raise QuotasUnknown(f"There is no review {quota_id}; one that was asked for just now is not open yet.")
        if row["state"] != "open":
            raise QuotasFinished(row["state"])
        asked = await send_message(connection, "quotas_withdrawn", quota_id, {"withdraw_why": why}, ttl_seconds)
        if asked:
            await connection.execute(
                "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
                (quota_id, actor, "withdrawal_asked", why, Jsonb({})),
            )
        return asked
