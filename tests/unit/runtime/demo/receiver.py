"""A receiver for outbox rows that keeps a book of what it got; run as a program, it is a dispatcher to be killed."""

from __future__ import annotations

import asyncio
import sys

from workers.runtime.database import Pool, open_pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.outbox import Deliver, OutboxRow


def receiver(pool: Pool, seconds: float = 0.0) -> Deliver:
    async def receive(row: OutboxRow) -> None:
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO public.received (business_id, number) VALUES (%s, %s)",
                (row.business_id, row.payload["number"]),
            )
        await asyncio.sleep(seconds)

    return receive


def ledger(pool: Pool) -> Deliver:
    """A receiver as ours ask for: it knows a repeat by the external id, and counts it."""

    async def receive(row: OutboxRow) -> None:
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO public.ledger (external_id, business_id, amount) VALUES (%s, %s, %s)"
                " ON CONFLICT (external_id) DO UPDATE SET times = ledger.times + 1",
                (row.external_id, row.business_id, row.payload["amount"]),
            )

    return receive


async def main(dsn: str) -> None:
    pool = await open_pool(dsn, min_size=1, max_size=10)
    await Dispatcher(dsn, pool, {"test": receiver(pool, 0.02)}).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
