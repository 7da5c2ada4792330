"""Addresses from the sales organisation's tables, and links to the gateway."""

from __future__ import annotations

from collections.abc import Sequence

from workers.lead_routing.ports.mail import Audience
from workers.runtime.work import Work


class PostgresMailDesk:
    """`MailDesk` from the sales organisation's tables."""

    def __init__(self, work: Work, *, sales_ops: Sequence[str], gateway_url: str) -> None:
        self._work = work
        self._sales_ops = tuple(sales_ops)
        self._gateway_url = gateway_url

    async def addresses(self, audience: Audience, lead_id: str, *, owner_email: str | None = None) -> Sequence[str]:
        """See `MailDesk.addresses`."""
        found: str | None = None
        if audience == "owner":
            found = owner_email or await self._one(
                "SELECT r.email AS found FROM routing.leads l JOIN routing.reps r ON r.id = l.owner_id"
                " WHERE l.lead_id = %s",
                lead_id,
            )
        elif audience in {"manager", "sales-managers"}:
            found = await self._one(
                "SELECT t.manager_email AS found FROM routing.leads l"
                " JOIN routing.territories t ON t.id = l.routing->>'territory' WHERE l.lead_id = %s",
                lead_id,
            )
        return (found,) if found else self._sales_ops

    async def rep_address(self, rep_id: str) -> str | None:
        """See `MailDesk.rep_address`."""
        return await self._one("SELECT email AS found FROM routing.reps WHERE id = %s", rep_id)

    def task_link(self, lead_id: str) -> str:
        """See `MailDesk.task_link`."""
        return f"{self._gateway_url}/leads/{lead_id}/task"

    async def _one(self, query: str, key: str) -> str | None:
        cursor = await self._work.connection.execute(query, (key,))
        row = await cursor.fetchone()
        return row["found"] if row else None
