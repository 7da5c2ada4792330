"""Changes of a lead that are carried to another CRM."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.unit.lead_routing.leads.casework import Casework
from workers.lead_routing import wiring
from workers.lead_routing.ports.crm import CHANNEL
from workers.runtime.outbox import OutboxRow

LEAD = {"name": "Ana María Ruiz", "email": "ana@acme.es", "company": "Acme", "message": "secret", "country": "ES"}
_ids = count(1)


def change(external_id: str, lead_id: str = "lead", **payload: Any) -> OutboxRow:
    return OutboxRow(next(_ids), CHANNEL, lead_id, external_id, {"lead_id": lead_id, **payload}, 0)


async def send(case: Casework, row: OutboxRow) -> None:
    await wiring.deliveries(case.resources)[CHANNEL](row)


async def assign(case: Casework, rep: str, round_: int = 0, account: dict[str, Any] | None = None) -> dict[str, Any]:
    result = await case.run(
        "write_owner", lead_id="lead", round=round_, assignment={"owner_id": rep}, lead=LEAD, account=account
    )
    crm_write: dict[str, Any] = result["crm_write"]
    return crm_write
