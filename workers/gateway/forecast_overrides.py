"""What people changed of a forecast, and whether it came closer by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

# Only what was approved last is in the version, and can be judged.
_OVERRIDES = """
    SELECT o.segment, o.by_whom AS by, o.decided_at AS at, o.reason, o.note, o.percent, o.amount, o.state, o.approved_by,
        o.approval_comment, j.until, b.wape AS wape_before, j.wape AS wape_after, j.value_added
    FROM forecasting.publications p
    JOIN forecasting.overrides o USING (forecast_id)
    LEFT JOIN forecasting.published_segments s ON s.version = p.version AND s.segment = o.segment
        AND s.override IS NOT NULL AND o.state = 'approved'
    LEFT JOIN LATERAL (SELECT * FROM forecasting.judged WHERE version = p.version AND segment = s.segment
        AND step = 'override' ORDER BY until DESC LIMIT 1) j ON true
    LEFT JOIN forecasting.judged b ON b.version = p.version AND b.segment = s.segment AND b.until = j.until
        AND b.step = 'reconciled'
    WHERE p.version = %s ORDER BY abs(o.amount) DESC, o.segment, o.decided_at
"""


@dataclass(frozen=True, slots=True)
class Overridden:
    """A change that somebody asked for. Shares are relative: 0.05 is five percent more."""

    segment: str
    by: str
    at: datetime
    reason: str
    note: str
    percent: float
    """Of the segment's sum."""
    amount: float
    """In the data's unit."""
    state: str
    """``proposed``, ``approved``, ``rejected`` or ``replaced``."""
    approved_by: str | None
    """``rule``: nobody had to."""
    approval_comment: str
    until: str | None
    """The last month that it was held against; None: nothing came yet, or the change is not in the version."""
    wape_before: float | None
    """Error of what the models said, percent."""
    wape_after: float | None
    value_added: float | None
    """Points of WAPE that it came closer; negative: it went away from what came."""


async def overrides(connection: AsyncConnection[DictRow], version: str) -> list[Overridden]:
    """Of the review that a version comes of, the largest first."""
    async with connection.cursor(row_factory=class_row(Overridden)) as cursor:
        await cursor.execute(_OVERRIDES, (version,))
        return await cursor.fetchall()
