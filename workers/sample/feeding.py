"""Feeds sample leads to the gateway over HTTP, at a visible rate."""

from __future__ import annotations

import asyncio
import time

import structlog

from workers.runtime.database import Pool
from workers.sample.door import Door, Refused
from workers.sample.leads import LeadSource, poisson_arrivals

log = structlog.get_logger()
CATCH_UP_SECONDS = 5.0
"""A feeder that fell behind further than this (the gateway was away) goes on from now, without a burst."""


async def next_index(pool: Pool, source: LeadSource) -> int:
    """The first lead of the source that was never sent to this database."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT max(external_id) AS newest FROM routing.leads WHERE starts_with(external_id, %s)", (source.prefix,)
        )
        row = await cursor.fetchone()
    newest = row["newest"] if row else None
    return 0 if newest is None else int(newest.removeprefix(source.prefix)) + 1


async def feed(
    door: Door, source: LeadSource, start: int, *, rate_per_minute: float, seed: int, count: int | None = None
) -> int:
    """Send leads from `start` on as a Poisson process, until cancelled or `count` were sent; returns how many."""
    began = time.monotonic()
    sent = 0
    # The schedule depends on where it starts, so that a restart does not repeat the same gaps.
    for arrival in poisson_arrivals(rate_per_minute, seed + start):
        if sent == count:
            break
        ahead = began + arrival - time.monotonic()
        if ahead < -CATCH_UP_SECONDS:
            began -= ahead
        await asyncio.sleep(max(ahead, 0))
        lead = source.lead(start + sent)
        sent += 1
        try:
            await door.post("/v1/leads", lead.body, key=source.external_id(lead.index))
        except Refused as error:
            log.warning("a lead was refused", action="lead_refused", kind=lead.kind, reason=str(error))
    return sent
