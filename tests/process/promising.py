"""A sales organisation around an embedded engine in which reps promise contacts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.process.house import House
from workers.gateway import follow_ups
from workers.gateway.follow_up_contracts import FollowUpIn


class Promises(House):
    """Follow-ups: manager Mona, reps ana and ben."""

    context = process = "follow_up"
    business_key = "follow_up_id"

    async def opportunity(self, opportunity_id: str = "opp-1", amount: float = 20_000, owner: str = "ana") -> None:
        """The CRM has an open opportunity."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO crm.opportunities (id, name, owner_id, stage, amount_eur, opened_at, stage_since)"
                " VALUES (%s, 'Planning for Talleres Norte', %s, 'propose', %s, now(), now())",
                (opportunity_id, owner, amount),
            )

    async def promise(self, hours: float = 10, **fields: object) -> str:
        """Ana promises a call within so many hours; returns the follow-up's id once its process runs."""
        follow_up_id, asked = await self.ask(self.now() + timedelta(hours=hours), **fields)
        assert asked
        await self.instance(follow_up_id)
        return follow_up_id

    async def ask(self, by: datetime, **fields: object) -> tuple[str, bool]:
        """A promise comes in, as over HTTP."""
        given: dict[str, Any] = {
            "subject_kind": "opportunity", "subject_id": "opp-1", "rep_id": "ana", "contact": "Ana Ruiz",
            "promised_for": by,
        }  # fmt: skip
        async with self.pool.connection() as connection:
            return await follow_ups.start(
                connection, FollowUpIn.model_validate(given | fields), actor="test", now=self.now()
            )

    async def told(self, follow_up_id: str) -> None:
        """The CRM tells that the contact was made."""
        async with self.pool.connection() as connection:
            assert await follow_ups.contact_made(
                connection, follow_up_id, result="next_step", by="ana", note="", actor="crm", ttl_seconds=3600
            )

    async def cancel(self, follow_up_id: str) -> None:
        """The promise is taken back."""
        async with self.pool.connection() as connection:
            assert await follow_ups.cancel(connection, follow_up_id, "bought elsewhere", actor="test", ttl_seconds=3600)

    async def book(self, follow_up_id: str) -> dict[str, Any]:
        """The follow-up's row."""
        return await self.row("SELECT * FROM selling.follow_ups WHERE follow_up_id = %s", follow_up_id)

    async def activity(self, follow_up_id: str) -> dict[str, Any]:
        """The CRM's activity, when all changes have arrived there."""

        async def arrived() -> bool:
            waiting = "SELECT FROM runtime.outbox WHERE business_id = %s AND channel = 'crm.activity'"
            return not await self.rows(waiting, follow_up_id)

        await self.until_async(arrived, "the CRM to have all changes")
        return await self.row("SELECT * FROM crm.activities WHERE external_id = %s", follow_up_id)

    async def deadlines(self, follow_up_id: str) -> dict[str, datetime]:
        """Those of the open task."""
        variables = self.engine.variables(await self.instance(follow_up_id))
        return {name: datetime.fromisoformat(at) for name, at in variables["contact_deadlines"].items()}
