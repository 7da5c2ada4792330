"""Sends leads at fixed times, whatever the answers do (open loop), and reads what became of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from workers.bench.figures import Passage
from workers.runtime.database import Pool

SETTLED = ("merged", "triage", "invalid", "manager", "queued", "discarded")
"""States in which a lead without an owner waits for no worker."""


@dataclass
class Sent:
    """What the sender saw."""

    start: float
    """Seconds since 1970 at the first scheduled time."""
    scheduled: dict[str, float] = field(default_factory=dict)
    """External id → seconds since 1970."""
    answers: Counter[str] = field(default_factory=Counter)
    """HTTP status, or the kind of failure → how often."""
    longest_delay: float = 0.0
    """Seconds by which the sender itself was late at worst: if this is large, the machine could not even send."""


async def open_loop(
    send: Callable[[Mapping[str, object]], Awaitable[str]],
    bodies: Sequence[Mapping[str, object]],
    offsets: Sequence[float],
) -> Sent:
    """Send each body at its offset (seconds from now) without waiting for answers; returns when all are answered.

    `send` returns what to count the answer as.
    """
    began, sent = time.monotonic(), Sent(start=time.time())

    async def one(body: Mapping[str, object]) -> None:
        sent.answers[await send(body)] += 1

    async with asyncio.TaskGroup() as answers:
        for body, offset in zip(bodies, offsets, strict=True):
            await asyncio.sleep(max(began + offset - time.monotonic(), 0))
            sent.longest_delay = max(sent.longest_delay, time.monotonic() - began - offset)
            sent.scheduled[str(body["external_id"])] = sent.start + offset
            answers.create_task(one(body))
    return sent


def poster(http: httpx.AsyncClient) -> Callable[[Mapping[str, object]], Awaitable[str]]:
    """Posts a lead to the gateway once; a refusal is counted, not tried again."""

    async def send(body: Mapping[str, object]) -> str:
        try:
            return str((await http.post("/v1/leads", json=body)).status_code)
        except httpx.TransportError as error:
            return type(error).__name__

    return send


async def passages(pool: Pool, prefix: str, sent: Sent) -> list[Passage]:
    """What became of the leads of one run; those the gateway did not take have no times."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            """SELECT external_id, extract(epoch FROM received_at)::float8 AS received,
                extract(epoch FROM first_assigned_at)::float8 AS assigned,
                CASE WHEN state = ANY(%s) THEN extract(epoch FROM state_at)::float8 END AS waits,
                coalesce((routing ->> 'auto')::boolean, true) AS auto
            FROM routing.leads WHERE starts_with(external_id, %s)""",
            (list(SETTLED), prefix),
        )
        rows = {row["external_id"]: row for row in await cursor.fetchall()}
    found = []
    for external_id, scheduled in sent.scheduled.items():
        row = rows.get(external_id)
        if row is None:
            found.append(Passage(scheduled))
            continue
        assigned = row["assigned"] if row["auto"] else None
        settled = row["assigned"] if row["assigned"] is not None else row["waits"]
        found.append(Passage(scheduled, row["received"], assigned, settled))
    return found


async def unsettled(pool: Pool, prefix: str) -> int:
    """Leads of the run that the system still works on."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            """SELECT count(*) AS leads FROM routing.leads
            WHERE starts_with(external_id, %s) AND first_assigned_at IS NULL AND state <> ALL(%s)""",
            (prefix, list(SETTLED)),
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row["leads"])
