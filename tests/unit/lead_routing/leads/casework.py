"""A case of lead routing played on a real database: tasks run by the runtime, outbox rows sent by its dispatcher."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from itertools import count
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.lead_routing import wiring
from workers.runtime import discovery, unit
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.resources import Resources
from workers.runtime.work import JobInfo

SLA = {"remind": 60, "due": 240, "escalate": 300}
_keys = count(1)

PRIVATE_LEAD = {
    "name": "Zoë <b>Stone</b>",
    "email": "private@acme.es",
    "phone": "+34612345678",
    "company": "Acme",
    "message": "my secret",
    "attributes": {},
}
NOTICE: dict[str, Any] = {
    "lead_id": "lead",
    "assignment": {"owner_id": "ana", "owner_email": "ana@example.com", "why": "Ana speaks Spanish."},
    "lead": PRIVATE_LEAD,
    "score": {"value": 0.8, "band": "hot", "reasons_text": "- Referral: a friend\n- Pages viewed: 40"},
    "acceptance_deadlines": {"remind_at": "2026-11-20T09:00:00Z", "due_at": "2026-11-20T10:00:00+01:00"},
}


class Mailbox:
    """An aiosmtpd handler that keeps what it gets, or answers what it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        """Answers to the next mails; then "250 OK"."""

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.mails.append(BytesParser(EmailMessage, policy=default).parsebytes(envelope.content))
        return answer


@dataclass(frozen=True)
class Casework:
    resources: Resources

    async def receive(self, lead_id: str, raw: dict[str, Any], *, source: str = "web_form", days_ago: int = 0) -> None:
        await self.sql(
            """INSERT INTO routing.leads (lead_id, source, raw, received_at)
               VALUES (%s, %s, %s, now() - make_interval(days => %s))""",
            *(lead_id, source, Jsonb(raw), days_ago),
        )

    async def register(self, lead_id: str, raw: dict[str, Any] | None = None, **variables: Any) -> dict[str, Any]:
        if raw is not None:
            await self.receive(lead_id, raw)
        return await self.run("register_lead", lead_id=lead_id, correction_sla=SLA, **variables)

    async def run(self, name: str, *, element_id: str | None = None, **variables: Any) -> dict[str, Any]:
        spec = discovery.find(f"lead_routing.{name}")
        given = unit.validated(spec, variables)
        business_id, loop = unit.identify(spec, given)
        key = next(_keys)
        job = JobInfo(spec.job_type, element_id or name, business_id, loop, key, 1, key, 1)
        return (await unit.execute(spec, given, job, self.resources, discovery.ROOT)).result

    async def sql(self, query: str, *values: Any) -> list[DictRow]:
        async with self.resources.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def one(self, query: str, *values: Any) -> DictRow:
        (row,) = await self.sql(query, *values)
        return row

    async def lead(self, lead_id: str) -> DictRow:
        return await self.one("SELECT * FROM routing.leads WHERE lead_id = %s", lead_id)

    async def crm_lead(self, lead_id: str) -> DictRow:
        return await self.one("SELECT * FROM crm.leads WHERE external_id = %s", lead_id)

    async def actions(self, lead_id: str) -> list[str]:
        rows = await self.sql("SELECT action FROM runtime.timeline WHERE business_id = %s ORDER BY id", lead_id)
        return [row["action"] for row in rows]

    async def deliver(self) -> None:
        """Run a real dispatcher until the outbox is empty."""
        dispatcher = Dispatcher(
            str(self.resources.pool.conninfo), self.resources.pool, wiring.deliveries(self.resources)
        )
        running = asyncio.create_task(dispatcher.run())
        try:
            async with asyncio.timeout(30):
                while (await self.one("SELECT count(*) AS waiting FROM runtime.outbox"))["waiting"]:  # noqa: ASYNC110 - the condition lies in the database
                    await asyncio.sleep(0.02)
        finally:
            dispatcher.stop()
            await running
        assert await self.sql("SELECT reason FROM runtime.dead_letters") == []
