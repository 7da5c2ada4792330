"""How pages ask the read model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow


async def read_rows(connection: AsyncConnection[DictRow], query: str, given: Mapping[str, Any]) -> list[DictRow]:
    """What a query answers."""
    return await (await connection.execute(query.encode(), given)).fetchall()
