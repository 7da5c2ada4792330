"""Where models are kept: table `routing.models`, one active model for each schema."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row, scalar_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from workers.lead_routing.scoring.errors import NoModelError
from workers.lead_routing.scoring.schema import Schema

Row = TypeVar("Row")
AnyConnection = TypeVar("AnyConnection", bound="AsyncConnection[object]")

LeadReader = Callable[[Mapping[str, object], Mapping[str, object] | None], Mapping[str, object] | None]
"""(lead as stored, its account or None) → what a model may read, the same as when it was scored; None: skip it."""


@dataclass(frozen=True)
class ModelInfo:
    """One stored model without its bytes."""

    version: str
    schema_name: str
    created_at: datetime
    card: dict[str, object]
    active: bool


@dataclass(frozen=True)
class StoredModel:
    """A version and the bytes for `Scorer.from_bytes`."""

    version: str
    artifact: bytes


class ModelStore(Protocol):
    """What the scorer needs from a store."""

    async def save(self, version: str, schema_name: str, artifact: bytes, card: Mapping[str, object]) -> None:
        """Keep a model, not active; saving the same version again only renews its card."""

    async def activate(self, version: str) -> None:
        """Make it the one active model of its schema; raises NoModelError if it is unknown."""

    async def load_active(self, schema_name: str) -> StoredModel | None:
        """The active model of a schema, or None if nothing was trained or activated."""

    async def active_version(self, schema_name: str) -> str | None:
        """Its version alone: cheap enough to ask whether a newer one was activated."""

    async def list(self) -> list[ModelInfo]:
        """All models, the newest first."""

    async def card(self, version: str) -> dict[str, object]:
        """One card; raises NoModelError if the version is unknown."""


async def save(
    conn: AsyncConnection[Row], version: str, schema_name: str, artifact: bytes, card: Mapping[str, object]
) -> None:
    """See `ModelStore.save`; part of the caller's transaction, as all functions here."""
    await conn.execute(
        "INSERT INTO routing.models (version, schema_name, card, artifact) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (version) DO UPDATE SET card = excluded.card",
        (version, schema_name, Jsonb(dict(card)), artifact),
    )


async def activate(conn: AsyncConnection[Row], version: str) -> None:
    """See `ModelStore.activate`.

    Raises:
        NoModelError: if there is no such version.
    """
    async with conn.transaction(), conn.cursor(row_factory=scalar_row) as cursor:
        # One at a time, so that two activations queue up instead of meeting at the unique index.
        await cursor.execute("LOCK TABLE routing.models IN SHARE ROW EXCLUSIVE MODE")
        await cursor.execute("SELECT schema_name FROM routing.models WHERE version = %s", (version,))
        schema_name = await cursor.fetchone()
        if schema_name is None:
            raise NoModelError(f"there is no model {version!r}; `fairlead scorer list` shows those there are")
        await cursor.execute(
            "UPDATE routing.models SET active = false WHERE schema_name = %s AND active AND version <> %s",
            (schema_name, version),
        )
        await cursor.execute("UPDATE routing.models SET active = true WHERE version = %s", (version,))


async def load_active(conn: AsyncConnection[Row], schema_name: str) -> StoredModel | None:
    """See `ModelStore.load_active`."""
    async with conn.cursor(row_factory=class_row(StoredModel)) as cursor:
        await cursor.execute(
            "SELECT version, artifact FROM routing.models WHERE schema_name = %s AND active", (schema_name,)
        )
        return await cursor.fetchone()


async def active_version(conn: AsyncConnection[Row], schema_name: str) -> str | None:
    """See `ModelStore.active_version`."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute("SELECT version FROM routing.models WHERE schema_name = %s AND active", (schema_name,))
        version = await cursor.fetchone()
        return None if version is None else str(version)


async def list_models(conn: AsyncConnection[Row]) -> list[ModelInfo]:
    """See `ModelStore.list`."""
    async with conn.cursor(row_factory=class_row(ModelInfo)) as cursor:
        await cursor.execute(
            "SELECT version, schema_name, created_at, card, active FROM routing.models"
            " ORDER BY created_at DESC, version"
        )
        return await cursor.fetchall()


async def load_card(conn: AsyncConnection[Row], version: str) -> dict[str, object]:
    """See `ModelStore.card`.

    Raises:
        NoModelError: if there is no such version.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT card FROM routing.models WHERE version = %s", (version,))
        row = await cursor.fetchone()
    if row is None:
        raise NoModelError(f"there is no model {version!r}; `fairlead scorer list` shows those there are")
    card: dict[str, object] = row["card"]
    return card


_LEADS = """SELECT l.lead_id, l.lead, l.converted, l.received_at, to_jsonb(a) AS account
FROM routing.leads l LEFT JOIN crm.accounts a ON a.id = l.account_id
WHERE l.lead IS NOT NULL AND """
_READ_AHEAD = 500
"""Rows fetched at a time where the reader may stop early, and after which other work gets its turn."""


async def outcomes(conn: AsyncConnection[Row], schema: Schema, read: LeadReader) -> AsyncIterator[dict[str, object]]:
    """Leads whose outcome is recorded, oldest first, as rows for `retraining.retrain`.

    Label and order column get the names that the schema gives them. What is known of the account is what is known
    today, not what was known when the lead was scored.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_LEADS + "l.converted IS NOT NULL ORDER BY l.received_at, l.lead_id")
        async for row in cursor:
            found = _as_row(row, schema, read)
            if found is not None:
                yield found


async def newest_first(
    conn: AsyncConnection[Row], schema: Schema, read: LeadReader, *, decided: bool = True
) -> AsyncGenerator[dict[str, object], None]:
    """Like `outcomes`, the newest first and read from the server bit by bit; stop when there are enough.

    Without `decided` leads without an outcome are among them; their label is missing.
    """
    # A named cursor lives on the server, so that only what is asked for is sent.
    async with conn.cursor("newest_first", row_factory=dict_row) as cursor:
        cursor.itersize = _READ_AHEAD
        which = "l.converted IS NOT NULL" if decided else "true"
        await cursor.execute((_LEADS + which + " ORDER BY l.received_at DESC, l.lead_id DESC").encode())
        async for row in cursor:
            found = _as_row(row, schema, read)
            if found is not None:
                yield found


def _as_row(
    row: Mapping[str, Any], schema: Schema, read: LeadReader
) -> dict[str, object] | None:  # Any: a database row
    known = read(row["lead"], row["account"])
    if known is None:
        return None
    found: dict[str, object] = {**known, "lead_id": row["lead_id"]}
    if row["converted"] is not None:
        found[schema.label.column] = schema.label.positive[0] if row["converted"] else schema.label.negative[0]
    if schema.order is not None:
        found[schema.order] = row["received_at"]
    return found


class PostgresModelStore:
    """`ModelStore` on a pool; each call is its own transaction."""

    def __init__(self, pool: AsyncConnectionPool[AnyConnection]) -> None:
        self._pool = pool

    async def save(self, version: str, schema_name: str, artifact: bytes, card: Mapping[str, object]) -> None:
        """See `ModelStore.save`."""
        async with self._pool.connection() as conn:
            await save(conn, version, schema_name, artifact, card)

    async def activate(self, version: str) -> None:
        """See `ModelStore.activate`."""
        async with self._pool.connection() as conn:
            await activate(conn, version)

    async def load_active(self, schema_name: str) -> StoredModel | None:
        """See `ModelStore.load_active`."""
        async with self._pool.connection() as conn:
            return await load_active(conn, schema_name)

    async def active_version(self, schema_name: str) -> str | None:
        """See `ModelStore.active_version`."""
        async with self._pool.connection() as conn:
            return await active_version(conn, schema_name)

    async def list(self) -> list[ModelInfo]:
        """See `ModelStore.list`."""
        async with self._pool.connection() as conn:
            return await list_models(conn)

    async def card(self, version: str) -> dict[str, object]:
        """See `ModelStore.card`."""
        async with self._pool.connection() as conn:
            return await load_card(conn, version)
