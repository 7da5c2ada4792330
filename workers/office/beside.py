"""How far a long task is, written beside the transaction of its job, so that it is seen before the job ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
import structlog

from workers.runtime.database import Pool

log = structlog.get_logger()


async def write_beside(pool: Pool, query: LiteralString, values: Mapping[str, Any]) -> None:  # Any: JSON
    """Run a statement on a connection of its own; without the database it is left out: the work is worth more than a word
    on it.
    """
    try:
        async with pool.connection() as connection:
            await connection.execute(query, values)
    except psycopg.OperationalError as error:
        log.info("progress not told", action="progress_untold", reason=type(error).__name__)
