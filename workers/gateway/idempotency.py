"""The same request twice gives the same answer (Idempotency-Key, after draft-ietf-httpapi-idempotency-key-header).

The key's row is inserted in the transaction of the work itself: a second request with the key waits on that row until
the first has committed, then finds the answer; if the first failed, the second does the work.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse
from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.parts import Parts
from workers.gateway.problems import Refusal, busy

WAIT_SECONDS = 10
"""How long a request waits for another one with the same key."""

Key = Annotated[str | None, Header(description="The same key with the same body gives the same answer for 24 hours.")]
"""A route's parameter `idempotency_key`."""

Work = Callable[[AsyncConnection[DictRow]], Awaitable[dict[str, Any]]]  # Any: JSON

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Claim:
    """A key with the request it belongs to."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was given before."""

    status: int
    body: Any  # Any: JSON


async def answered_once(parts: Parts, held: Claim | None, work: Work) -> JSONResponse:
    """Do the work in one transaction and answer 202 with what it gives; a key that was answered before gets that answer.

    Raises:
        Refusal: as `claim` and `Guard.admit`, and what the work raises; nothing was done then.
    """
    waiting = await parts.queue.waiting()
    async with parts.pool.connection() as connection:
        if held is not None:
            said = await claim(connection, held, keep_hours=parts.settings.gateway.idempotency_hours)
            if said is not None:
                return JSONResponse(said.body, said.status, {"Idempotent-Replayed": "true"})
        parts.guard.admit(waiting)
        answer = await work(connection)
        if held is not None:
            await settle(connection, held, Answer(202, answer))
    return JSONResponse(answer, 202)


def claim_of(header: str | None, client: str, address: str, body: bytes) -> Claim | None:
    """The claim of a request; keys of different clients never meet. None: it has no key.

    Raises:
        Refusal: 422, the key is not 1 to 200 printable ASCII characters.
    """
    if header is None:
        return None
    if not _KEY.fullmatch(header):
        detail = "The header Idempotency-Key must be 1 to 200 printable ASCII characters without spaces."
        raise Refusal(422, "invalid-idempotency-key", detail)
    key = hashlib.sha256(f"{client}\n{header}".encode()).hexdigest()
    return Claim(key, hashlib.sha256(address.encode() + b"\n" + body).hexdigest())


async def claim(connection: AsyncConnection[DictRow], wanted: Claim, *, keep_hours: int) -> Answer | None:
    """Claim the key in the connection's transaction, or return the answer that was given under it.

    Raises:
        Refusal: 422, the key was used for another request; 409, a request with the key is still under way.
    """
    # Only for this transaction; the value is our own constant, which SET can't take as a parameter.
    await connection.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
    await connection.execute(
        "DELETE FROM routing.idempotency WHERE key = %s AND created_at < now() - make_interval(hours => %s)",
        (wanted.key, keep_hours),
    )
    try:
        cursor = await connection.execute(
            "INSERT INTO routing.idempotency (key, digest) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING",
            (wanted.key, wanted.digest),
        )
    except errors.LockNotAvailable:
        detail = "A request with this Idempotency-Key is still under way. Send it again in a moment."
        raise busy("request-under-way", detail, status=409, retry_after=2) from None
    if cursor.rowcount == 1:
        return None
    cursor = await connection.execute(
        "SELECT digest, status, response FROM routing.idempotency WHERE key = %s", (wanted.key,)
    )
    row = await cursor.fetchone()
    if row is None or row["digest"] != wanted.digest:
        detail = "This Idempotency-Key was used for a different request. Use a new key for each request."
        raise Refusal(422, "idempotency-key-reused", detail)
    return Answer(row["status"], row["response"])


async def settle(connection: AsyncConnection[DictRow], held: Claim, answer: Answer) -> None:
    """Keep the answer under the claimed key."""
    await connection.execute(
        "UPDATE routing.idempotency SET status = %s, response = %s WHERE key = %s",
        (answer.status, Jsonb(answer.body), held.key),
    )


async def forget(connection: AsyncConnection[DictRow], *, keep_hours: int) -> int:
    """Delete answers that were kept long enough; returns how many."""
    cursor = await connection.execute(
        "DELETE FROM routing.idempotency WHERE created_at < now() - make_interval(hours => %s)", (keep_hours,)
    )
    return cursor.rowcount
