"""Where versions are kept in the database: a table of its own for each kind, one immutable row a version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from psycopg import AsyncConnection, sql
from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb

from workers.archive import Archived

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class ArchiveRows:
    """A table with the columns version, card, content, sha256, and what `save` is given besides."""

    schema: str
    table: str

    async def save(self, conn: AsyncConnection[Row], version: Archived, **columns: object) -> None:
        """Keep a version; saving the same one again changes nothing. Part of the caller's transaction, as all here."""
        content = version.to_bytes()
        values = {
            "version": version.version,
            **columns,
            "card": Jsonb(dict(version.card)),
            "content": content,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        await conn.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (version) DO NOTHING").format(
                self._name,
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(map(sql.Placeholder, values)),
            ),
            values,
        )

    async def content(self, conn: AsyncConnection[Row], version: str) -> bytes | None:
        """The bytes of a version; None if there is none."""
        async with conn.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(sql.SQL("SELECT content FROM {} WHERE version = %s").format(self._name), (version,))
            found = await cursor.fetchone()
        return None if found is None else bytes(found)

    @property
    def _name(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table)
