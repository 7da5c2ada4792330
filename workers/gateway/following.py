"""What a lead of ours follows when somebody changed its record in the CRM. Connectors and nobody else ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.intake import new_lead_id, send_message
from workers.lead_routing.adapters.reps import hand_over
from workers.lead_routing.domain.duplicates import keys_of
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.ports.crm import CHANNEL, TOLD
from workers.runtime import outbox


@dataclass(frozen=True, slots=True)
class Known:
    """A lead that the CRM had before, with an owner who works on it: nothing is to be started."""

    source: str
    external_id: str
    raw: Mapping[str, object]
    lead: Lead
    owner_id: str
    received_at: datetime
    converted: bool | None = None
    """How it ended before we knew of it; None: it did not."""
    outcome_at: datetime | None = None


async def change(
    connection: AsyncConnection[DictRow], lead_id: str, lead: Lead, values: Mapping[str, str | None], *, actor: str
) -> None:
    """Give a lead, which is `lead` now, other values; what it is recognised by follows. The caller has locked its row."""
    changed = replace(lead, **values)  # type: ignore[arg-type] # the names are fields that hold text
    keys = keys_of(changed)
    await connection.execute(
        "UPDATE routing.leads SET lead = %s, email_key = %s, phone_key = %s, person_key = %s WHERE lead_id = %s",
        (Jsonb(asdict(changed)), keys.email, keys.phone, keys.person, lead_id),
    )
    names = sorted(values)
    await note(connection, lead_id, actor, "changed", f"Changed in the CRM: {', '.join(names)}.", fields=names)


async def take_over(
    connection: AsyncConnection[DictRow], lead_id: str, owner_id: str, *, state: str, actor: str, ttl_seconds: int
) -> None:
    """Somebody gave the lead to `owner_id` in the CRM: a person's decision, which counts more than ours.

    While the lead is routed its process is told, which undoes what it did and books the owner. Of one that was accepted
    the book alone follows. The caller has locked the lead's row.
    """
    if state == "accepted":
        await hand_over(connection, lead_id, owner_id, "Given to somebody else in the CRM.")
        await connection.execute("UPDATE routing.leads SET owner_id = %s WHERE lead_id = %s", (owner_id, lead_id))
        await note(connection, lead_id, actor, "taken_over", "Given to somebody else in the CRM.", owner=owner_id)
    elif await send_message(connection, "lead_taken_over", lead_id, {"taken_by": owner_id}, ttl_seconds):
        await note(
            connection, lead_id, actor, "take_over_asked", "Somebody gave it an owner in the CRM.", owner=owner_id
        )


async def note(
    connection: AsyncConnection[DictRow], lead_id: str, actor: str, action: str, why: str, **facts: object
) -> None:
    """Add to the lead's timeline; no personal data belongs into it."""
    await connection.execute(
        "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
        (lead_id, actor, action, why, Jsonb(facts)),
    )


async def take_known(connection: AsyncConnection[DictRow], leads: Sequence[Known]) -> dict[str, str]:
    """Take leads into the book as accepted by their owners, each once; their ids by the id in the CRM, also of those that
    were there before. They take no open place of a rep's: who has how many of old is the CRM's matter. How they ended is
    taken with them, and nobody is told: it happened before we came.
    """
    if not leads:
        return {}
    keys = [keys_of(one.lead) for one in leads]
    columns = [
        [new_lead_id() for _ in leads],
        [one.source for one in leads],
        [one.external_id for one in leads],
        [Jsonb(dict(one.raw)) for one in leads],
        [Jsonb(asdict(one.lead)) for one in leads],
        [one.owner_id for one in leads],
        [one.received_at for one in leads],
        [key.email for key in keys],
        [key.phone for key in keys],
        [key.person for key in keys],
        [one.converted for one in leads],
        [one.outcome_at for one in leads],
    ]
    inserted = await connection.execute(
        """
        INSERT INTO routing.leads (lead_id, source, external_id, raw, lead, owner_id, received_at, state_at,
            email_key, phone_key, person_key, converted, outcome_at, state)
        SELECT new.lead_id, new.source, new.external_id, new.raw, new.lead, new.owner_id, new.at, new.at,
            new.email, new.phone, new.person, new.converted, new.outcome_at, 'accepted'
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[], %s::text[], %s::timestamptz[],
            %s::text[], %s::text[], %s::text[], %s::bool[], %s::timestamptz[])
            AS new (lead_id, source, external_id, raw, lead, owner_id, at, email, phone, person, converted, outcome_at)
        ON CONFLICT (source, external_id) DO NOTHING RETURNING lead_id
        """,
        columns,
    )
    new = [row["lead_id"] for row in await inserted.fetchall()]
    await connection.execute(
        """
        INSERT INTO runtime.timeline (business_id, actor, action, why)
        SELECT lead_id, %s, 'imported', 'It was in the CRM before, with an owner.' FROM unnest(%s::text[]) AS new (lead_id)
        """,
        (leads[0].source, new),
    )
    cursor = await connection.execute(
        "SELECT lead_id, external_id FROM routing.leads WHERE source = %s AND external_id = ANY(%s)",
        (leads[0].source, columns[2]),
    )
    return {str(row["external_id"]): str(row["lead_id"]) for row in await cursor.fetchall()}


async def outgoing(connection: AsyncConnection[DictRow], lead_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Leads that have an owner as the CRM would be told of them now. One of which a change is among the dead letters is
    left out: that is to be mended first.
    """
    cursor = await connection.execute(
        """
        SELECT lead_id, owner_id, state, account_id, lead FROM routing.leads l
        WHERE lead_id = ANY(%(lead_ids)s) AND owner_id IS NOT NULL AND state IN ('assigned', 'accepted')
          AND NOT EXISTS (SELECT FROM runtime.dead_letters d WHERE d.channel = %(channel)s
                          AND d.business_id = l.lead_id AND d.settled_at IS NULL)
        ORDER BY lead_id
        """,
        {"lead_ids": list(lead_ids), "channel": CHANNEL},
    )
    return [
        {
            "lead_id": row["lead_id"],
            "owner_id": row["owner_id"],
            "status": row["state"],
            "account_id": row["account_id"],
            "fields": {name: row["lead"][name] for name in TOLD if row["lead"].get(name) is not None},
        }
        for row in await cursor.fetchall()
    ]


async def resend(connection: AsyncConnection[DictRow], lead_ids: Sequence[str], run: int) -> set[str]:
    """Send leads to the CRM as they stand in the book; which ones were sent, as `outgoing`."""
    sent = await outgoing(connection, lead_ids)
    for one in sent:
        await outbox.put(connection, CHANNEL, one["lead_id"], f"reconcile:{run}:{one['lead_id']}", one)
    return {str(one["lead_id"]) for one in sent}
