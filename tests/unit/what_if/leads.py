"""Leads of the past, for tests of what if."""

from __future__ import annotations

from datetime import UTC, datetime

from workers.bench.what_if import Json, fill
from workers.runtime.database import Pool

LEADS = 40
MIDDAY = datetime(2026, 3, 5, 12, tzinfo=UTC)
"""A Thursday: an hour of leads before it finds the teams of Europe at work, as it would not at every hour of a test."""


async def fill_past(pool: Pool) -> None:
    """Write `LEADS` leads of the sample, none of which was decided as the table in use says."""
    await fill(pool, LEADS, 5, _undecided, MIDDAY)


async def _undecided(_variables: Json) -> Json:
    return {"territory": "dach"}
