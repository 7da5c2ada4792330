"""Where plans are kept: table `territories.plans`, one immutable row a version; processes pass the version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from workers.territory_alignment.solving.errors import NoPlanError
from workers.territory_alignment.solving.plan import Plan

Row = TypeVar("Row")


@dataclass(frozen=True)
class PlanInfo:
    """One stored version without its frames."""

    version: str
    name: str
    made_at: datetime
    card: dict[str, object]


async def save(conn: AsyncConnection[Row], plan: Plan) -> None:
    """Keep a plan; saving the same version again changes nothing. Part of the caller's transaction, as all here."""
    content = plan.to_bytes()
    await conn.execute(
        "INSERT INTO territories.plans (version, name, card, content, sha256) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (version) DO NOTHING",
        (plan.version, plan.name, Jsonb(dict(plan.card)), content, hashlib.sha256(content).hexdigest()),
    )


async def load(conn: AsyncConnection[Row], version: str) -> Plan:
    """One version.

    Raises:
        NoPlanError: if there is no such version.
    """
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute("SELECT content FROM territories.plans WHERE version = %s", (version,))
        content = await cursor.fetchone()
    if content is None:
        raise NoPlanError(f"there is no plan {version!r}; `fairlead territory list` shows those there are")
    return Plan.from_bytes(bytes(content))


async def list_plans(conn: AsyncConnection[Row]) -> list[PlanInfo]:
    """All versions, the newest first."""
    async with conn.cursor(row_factory=class_row(PlanInfo)) as cursor:
        await cursor.execute("SELECT version, name, made_at, card FROM territories.plans ORDER BY id DESC")
        return await cursor.fetchall()
