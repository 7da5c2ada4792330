"""Takes leads: the lead, its timeline entry and the message to the engine, all in one transaction."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from workers.gateway.contracts import LeadIn
from workers.lead_routing.domain.regions import region_elsewhere
from workers.runtime import outbox, tracing
from workers.settings import Regions


@dataclass(frozen=True, slots=True)
class Incoming:
    """A lead with the right shape, and exactly what was received."""

    lead: LeadIn
    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an incoming lead."""

    lead_id: str
    duplicate: bool
    """Whether a lead of the same source and external id was there before; then nothing was started."""


class OfAnotherRegion(ValueError):
    """The lead is another installation's."""

    def __init__(self, region: str, gateway: str | None) -> None:
        to = f"{gateway.rstrip('/')}/v1/leads" if gateway else "its gateway"
        super().__init__(f"A lead from this country belongs to the region {region}: send it to {to}.")
        self.region = region


def check_region(lead: Mapping[str, object], regions: Regions) -> None:
    """Raises `OfAnotherRegion` if the lead is not for this installation; nobody else would be told of it by us."""
    region = region_elsewhere(lead, regions.elsewhere)
    if region is not None:
        raise OfAnotherRegion(region, regions.gateways.get(region))


def fitting(raw: Mapping[str, object]) -> Incoming:
    """A lead that another system gave, without the fields whose form it can't have: nobody is there to be told of them.

    Raises:
        ValidationError: its source or external id is at fault.
    """
    try:
        return Incoming(LeadIn.model_validate(raw), raw)
    except ValidationError as error:
        wrong = {str(fault["loc"][0]) for fault in error.errors(include_input=False) if fault["loc"]}
        kept = {name: value for name, value in raw.items() if name not in wrong}
        return Incoming(LeadIn.model_validate(kept), kept)


def new_lead_id() -> str:
    """``lead-`` and a UUID of version 7 (RFC 9562) in hex: ids of later leads sort after those of earlier ones."""
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return f"lead-{number:032x}"


async def take(connection: AsyncConnection[DictRow], incoming: Sequence[Incoming], *, ttl_seconds: int) -> list[Taken]:
    """Store the leads that are new and start each of them once; the answer has the order of `incoming`.

    Two requests with the same lead may run at once: the second waits for the first, then finds its lead.
    """
    now = datetime.now(UTC)
    rows = [(new_lead_id(), item) for item in incoming]
    known = await _insert(connection, rows, now)
    started = [(lead_id, item) for lead_id, item in rows if lead_id in known.new]
    if started:
        await connection.execute(
            """
            INSERT INTO runtime.timeline (business_id, at, actor, action, why, facts)
            SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
            """,
            (
                [lead_id for lead_id, _ in started],
                [now] * len(started),
                ["gateway"] * len(started),
                ["received"] * len(started),
                [f"sent by {item.lead.source}" for _, item in started],
                [Jsonb({"source": item.lead.source, "channel": item.lead.channel}) for _, item in started],
            ),
        )
        async with connection.pipeline():  # one round trip for a whole batch
            for lead_id, _ in started:
                variables = {"lead_id": lead_id, "received_at": now.isoformat().replace("+00:00", "Z")}
                # A trace of a thousand leads could not be read: each lead of a batch has its own, linked to the request.
                with (
                    nullcontext()
                    if len(incoming) == 1
                    else tracing.apart("take lead", {"fairlead.business_id": lead_id})
                ):
                    await send_message(connection, "lead_received", lead_id, variables, ttl_seconds)
    taken = []
    for lead_id, item in rows:
        first = known.by_identity.get((item.lead.source, item.lead.external_id), lead_id)
        taken.append(Taken(first, duplicate=lead_id not in known.new))
    return taken


async def send_message(
    connection: AsyncConnection[DictRow], name: str, lead_id: str, variables: Mapping[str, object], ttl_seconds: int
) -> bool:
    """Put a message to the lead's process into the outbox; False if this message was sent before."""
    return await outbox.put(
        connection,
        "zeebe.message",
        lead_id,
        f"{name}:{lead_id}",
        {"name": name, "correlation_key": lead_id, "variables": dict(variables), "ttl_seconds": ttl_seconds},
    )


@dataclass(frozen=True, slots=True)
class _Known:
    new: set[str]
    """Ids that were inserted now."""
    by_identity: dict[tuple[str, str | None], str]
    """Which id the lead of a source and external id has, whether new or not."""


async def _insert(connection: AsyncConnection[DictRow], rows: Sequence[tuple[str, Incoming]], now: datetime) -> _Known:
    # Two batches with the same leads in another order would wait for each other; in one order they don't.
    ordered = sorted(rows, key=lambda row: (row[1].lead.source, row[1].lead.external_id or "", row[0]))
    cursor = await connection.execute(
        """
        INSERT INTO routing.leads (lead_id, source, external_id, raw, received_at, state_at)
        SELECT lead_id, source, external_id, raw, %s, %s
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::jsonb[]) AS new (lead_id, source, external_id, raw)
        ON CONFLICT (source, external_id) DO NOTHING
        RETURNING lead_id, source, external_id
        """,
        (
            now,
            now,
            [lead_id for lead_id, _ in ordered],
            [item.lead.source for _, item in ordered],
            [item.lead.external_id for _, item in ordered],
            [Jsonb(dict(item.raw)) for _, item in ordered],
        ),
    )
    inserted = await cursor.fetchall()
    new = {row["lead_id"] for row in inserted}
    by_identity = {
        (row["source"], row["external_id"]): row["lead_id"] for row in inserted if row["external_id"] is not None
    }
    asked = {(item.lead.source, item.lead.external_id) for _, item in ordered if item.lead.external_id is not None}
    if there := sorted(asked - by_identity.keys(), key=str):
        cursor = await connection.execute(
            """
            SELECT lead_id, source, external_id FROM routing.leads
            WHERE (source, external_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
            """,
            ([source for source, _ in there], [external_id for _, external_id in there]),
        )
        by_identity |= {(row["source"], row["external_id"]): row["lead_id"] for row in await cursor.fetchall()}
    return _Known(new, by_identity)
