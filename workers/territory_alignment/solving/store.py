"""Where plans are kept: table `territories.plans`, one immutable row a version; processes pass the version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from psycopg import AsyncConnection
from psycopg.rows import class_row

from workers.archive_rows import ArchiveRows
from workers.territory_alignment.solving.errors import NoPlanError
from workers.territory_alignment.solving.plan import Plan

Row = TypeVar("Row")

_ROWS = ArchiveRows("territories", "plans")


@dataclass(frozen=True)
class PlanInfo:
    """One stored version without its frames."""

    version: str
    name: str
    made_at: datetime
    card: dict[str, object]


async def save(conn: AsyncConnection[Row], plan: Plan) -> None:
    """Keep a plan; saving the same version again changes nothing. Part of the caller's transaction, as all here."""
    await _ROWS.save(conn, plan, name=plan.name)


async def load(conn: AsyncConnection[Row], version: str) -> Plan:
    """One version.

    Raises:
        NoPlanError: if there is no such version.
    """
    content = await _ROWS.content(conn, version)
    if content is None:
        raise NoPlanError(f"there is no plan {version!r}; `fairlead territory list` shows those there are")
    return Plan.from_bytes(content)


async def list_plans(conn: AsyncConnection[Row]) -> list[PlanInfo]:
    """All versions, the newest first."""
    async with conn.cursor(row_factory=class_row(PlanInfo)) as cursor:
        await cursor.execute("SELECT version, name, made_at, card FROM territories.plans ORDER BY id DESC")
        return await cursor.fetchall()
