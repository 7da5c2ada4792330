"""The built-in CRM on PostgreSQL (schema crm). It stands for another system: it has connections and transactions of
its own, never the job's, and is written through the outbox only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import CrmAccount, Enrichment, domains_of
from workers.lead_routing.domain.text import fold_company
from workers.lead_routing.ports.crm import CHANNEL, CrmDown, CrmLead, CrmResting, applies
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.outside import OutsideDatabase
from workers.runtime.work import Work


class CrmDatabase(OutsideDatabase):
    """The way to the CRM; raises `CrmDown` and `CrmResting`."""

    title = "CRM"
    dependency = "crm"
    down = CrmDown
    resting = CrmResting


async def pending_changes(work: Work, lead_id: str) -> Sequence[dict[str, Any]]:  # Any: JSON
    """Changes of a lead that are still on their way to the CRM, in their order."""
    cursor = await work.connection.execute(
        "SELECT payload FROM runtime.outbox WHERE channel = %s AND business_id = %s ORDER BY id", (CHANNEL, lead_id)
    )
    return [row["payload"] for row in await cursor.fetchall() if row["payload"].get("lead_id") == lead_id]


class PostgresCrm:
    """`Crm` on the built-in CRM. `work` is needed to see what is still on its way there."""

    def __init__(self, database: CrmDatabase, work: Work) -> None:
        self._database = database
        self._work = work

    async def find_accounts(self, lead: Lead) -> Sequence[CrmAccount]:
        """See `Crm.find_accounts`."""
        company = fold_company(lead.company).partition(" ")[0] if lead.company else ""
        # A net with wide meshes for names: the first word, without accents. `domain.matching` decides.
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                """
                SELECT a.id, a.name, a.domain, a.country, a.phone, a.owner_id, r.name AS owner_name
                FROM crm.accounts a LEFT JOIN routing.reps r ON r.id = a.owner_id
                WHERE lower(a.domain) = ANY(%(domains)s)
                   OR (a.country = %(country)s AND a.name_key LIKE %(company)s)
                   OR a.phone_digits = %(phone)s
                ORDER BY a.id LIMIT 500
                """,
                {
                    "domains": list(domains_of(lead)),
                    "country": lead.country,
                    "company": f"%{company}%" if company else None,
                    "phone": lead.phone.lstrip("+") if lead.phone else None,
                },
            )
            return [CrmAccount(**row) for row in await cursor.fetchall()]

    async def enrichment(self, account_id: str) -> Enrichment | None:
        """See `Crm.enrichment`."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "SELECT employees, annual_revenue_eur::float8, industry, open_opportunities FROM crm.accounts"
                " WHERE id = %s",
                (account_id,),
            )
            row = await cursor.fetchone()
        return None if row is None else Enrichment(**row)

    async def lead(self, lead_id: str) -> CrmLead | None:
        """See `Crm.lead`."""
        # First what is under way, then the CRM: a change that arrives in between is seen twice, never missed.
        pending = await pending_changes(self._work, lead_id)
        async with self._database.transaction() as connection:
            found = await connection.execute(
                "SELECT owner_id, status FROM crm.leads WHERE external_id = %s", (lead_id,)
            )
            row = await found.fetchone()
        if row is None and not pending:
            return None
        state: dict[str, Any] = dict(row or {"owner_id": None, "status": "new"})
        for change in pending:
            if applies(change, state["owner_id"]):
                state.update({key: change[key] for key in ("owner_id", "status") if key in change})
        return CrmLead(**state)


class CrmDelivery:
    """Carries changes of leads to the CRM.

    The payload: ``lead_id`` and what changes, any of ``owner_id``, ``status``, ``account_id``, ``fields`` (merged
    key by key). With ``only_if_owner`` the change is left out when somebody else has the lead by then: a person
    may have changed it in the CRM itself. The row's external id goes into the change log, which is how a repeat is
    known and changes nothing.
    """

    def __init__(self, database: CrmDatabase) -> None:
        self._database = database

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row.

        Raises:
            CrmDown: the CRM did not answer.
            PermanentError: the payload is not one of ours.
        """
        change = row.payload
        lead_id = change.get("lead_id")
        if not isinstance(lead_id, str):
            raise PermanentError("This change for the CRM names no lead; drop it, or correct its payload.")
        async with self._database.transaction() as crm:
            async with crm.pipeline():  # one journey to the server for all three
                await crm.execute("INSERT INTO crm.leads (external_id) VALUES (%s) ON CONFLICT DO NOTHING", (lead_id,))
                cursor = await crm.execute(
                    "SELECT owner_id, status, account_id, fields FROM crm.leads WHERE external_id = %s FOR UPDATE",
                    (lead_id,),
                )
                # Under the lead's lock, so that of two deliveries at once the later one sees the former's entry.
                repeat = await crm.execute(
                    "SELECT FROM crm.change_log WHERE change_id = %s LIMIT 1", (row.external_id,)
                )
            before = await cursor.fetchone()
            assert before is not None  # inserted above
            if repeat.rowcount:
                return
            after = _changed(before, change)
            changed = [field for field in after if after[field] != before[field]]
            async with crm.pipeline():
                for field in changed:
                    await _log(crm, lead_id, field, before[field], after[field], row.external_id)
                if not changed:  # logged all the same, so that its repeat is known when the lead has moved on
                    await _log(crm, lead_id, "nothing", None, None, row.external_id)
                    return
                await crm.execute(
                    """
                    UPDATE crm.leads SET owner_id = %(owner_id)s, status = %(status)s, account_id = %(account_id)s,
                        fields = %(json)s, version = version + 1, updated_at = now()
                    WHERE external_id = %(lead_id)s
                    """,
                    {**after, "json": Jsonb(after["fields"]), "lead_id": lead_id},
                )


def _changed(before: DictRow, change: dict[str, Any]) -> dict[str, Any]:
    after = dict(before)
    if applies(change, before["owner_id"]):
        after.update({key: change[key] for key in ("owner_id", "status", "account_id") if key in change})
        after["fields"] = {**before["fields"], **change.get("fields", {})}
    return after


async def _log(
    crm: AsyncConnection[DictRow], lead_id: str, field: str, old: object, new: object, change_id: str
) -> None:
    await crm.execute(
        "INSERT INTO crm.change_log (external_id, field, old, new, change_id) VALUES (%s, %s, %s, %s, %s)",
        (lead_id, field, _shown(old), _shown(new), change_id),
    )


def _shown(value: object) -> str | None:
    if isinstance(value, dict):
        # Names of the fields are enough for a log; their values stand on the lead and are personal.
        return ", ".join(sorted(value))
    return None if value is None else str(value)
