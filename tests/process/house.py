"""A sales organisation around an embedded engine: leads come in, and reps work on them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tests.calendars import country_without_holiday
from tests.process.building import Building
from workers.gateway.commands import withdraw
from workers.gateway.contracts import LeadIn
from workers.gateway.intake import Incoming, take

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}

GOOD_LEAD: dict[str, Any] = {
    "source": "web_form",
    "name": "Eva Beispiel",
    "email": "eva@beispiel-werke.example",
    "phone": "+49 30 1234567",
    "company": "Beispiel Werke",
    "country": "DE",
    "language": "de",
    "industry": "manufacturing",
    "employees": 400,
    "product": "core",
    "job_level": "director",
    "channel": "web",
    "attributes": {"page_views": 12, "pricing_page_seconds": 90, "webinars": 1, "days_since_last_touch": 2},
}


class House(Building):
    """Lead routing."""

    context = process = "lead_routing"
    business_key = "lead_id"

    async def lead(self, **fields: object) -> str:
        """A lead comes in; `fields` change `GOOD_LEAD`. Returns its id."""
        raw = GOOD_LEAD | fields
        raw = {key: value for key, value in raw.items() if value is not None}
        async with self.pool.connection() as connection, connection.transaction():
            taken = await take(connection, [Incoming(LeadIn.model_validate(raw), raw)], ttl_seconds=3600)
        return taken[0].lead_id

    async def withdraw(self, lead_id: str, why: str = "bought elsewhere") -> None:
        """The lead is withdrawn from outside."""
        async with self.pool.connection() as connection:
            await withdraw(connection, lead_id, why, actor="test", ttl_seconds=3600)

    async def state(self, lead_id: str) -> dict[str, Any]:
        """The lead's row."""
        return await self.row("SELECT * FROM routing.leads WHERE lead_id = %s", lead_id)

    async def crm(self, lead_id: str) -> dict[str, Any]:
        """The lead in the CRM, when all changes have arrived there."""

        async def arrived() -> bool:
            waiting = "SELECT FROM runtime.outbox WHERE business_id = %s AND channel = 'crm.lead'"
            return not await self.rows(waiting, lead_id)

        await self.until_async(arrived, "the CRM to have all changes")
        found = await self.rows("SELECT * FROM crm.leads WHERE external_id = %s", lead_id)
        return found[0] if found else {"owner_id": None, "status": "new"}

    async def open_slots(self, rep_id: str) -> int:
        """How many leads count as open for a rep."""
        open_ = "SELECT count(*) AS n FROM routing.assignments WHERE rep_id = %s AND released_at IS NULL AND closed_at IS NULL"
        return int((await self.row(open_, rep_id))["n"])

    async def rep(self, rep_id: str, **fields: object) -> None:
        """A rep joins, at work at every minute unless `fields` say otherwise."""
        row: dict[str, object] = {
            "id": rep_id,
            "name": rep_id.title(),
            "email": f"{rep_id}@fairlead.example",
            "login": rep_id,
            "territories": ["dach"],
            "timezone": "UTC",
            "holidays": country_without_holiday(days_ahead=7),
            "working_hours": Jsonb(ALWAYS),
            "languages": ["de", "en"],
            "skills": ["core", "analytics", "planning", "integration", "enterprise_sales"],
            "weight": 1.0,
            "daily_capacity": 50,
            "open_capacity": 50,
        } | fields
        names, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        async with self.pool.connection() as connection:
            await connection.execute(f"INSERT INTO routing.reps ({names}) VALUES ({places})".encode(), row)

    async def absent(self, rep_id: str, days: float) -> None:
        """A rep is away from now on."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO routing.absences (rep_id, starts_at, ends_at) VALUES (%s, %s, %s)",
                (rep_id, self.now() - timedelta(hours=1), self.now() + timedelta(days=days)),
            )
