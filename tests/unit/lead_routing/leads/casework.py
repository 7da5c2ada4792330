"""A case of lead routing; see `tests.casework`."""

from __future__ import annotations

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from tests.casework import Case

SLA = {"remind": 60, "due": 240, "escalate": 300}

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


class Casework(Case):
    context = "lead_routing"

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

    async def lead(self, lead_id: str) -> DictRow:
        return await self.one("SELECT * FROM routing.leads WHERE lead_id = %s", lead_id)

    async def crm_lead(self, lead_id: str) -> DictRow:
        return await self.one("SELECT * FROM crm.leads WHERE external_id = %s", lead_id)
