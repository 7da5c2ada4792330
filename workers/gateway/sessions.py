"""Who looks at the control room: a person who signed in here by an API token or at the OpenID provider.

A session is a row of the database, so that signing out ends it wherever its cookie was copied to. The cookie holds a random
word, the row only its digest; the provider's tokens are encrypted with a key that the word alone gives. Changes also need a
form's secret word, which other web pages can't know.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

import structlog
from cryptography.fernet import Fernet
from fastapi import Depends, Request, Response
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.access import Client
from workers.gateway.openid import NotSignedIn, ProviderAway, Tokens
from workers.gateway.parts import Parts, TheClient, TheParts
from workers.gateway.people import PERSON, Person, provider_away
from workers.gateway.problems import Refusal
from workers.office.links import secret_of

log = structlog.get_logger()

COOKIE = "fairlead_session"
SIGN_IN = "/control/sign-in"

CHECK_SECONDS = 15
"""How long one request may take to ask the provider, before the next one asks again; the others go on meanwhile."""


class SignInFirst(Exception):
    """Leads a browser to the page where people sign in, and back."""

    def __init__(self, back: str) -> None:
        super().__init__(back)
        self.address = f"{SIGN_IN}?next={quote(back)}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may see the pages."""

    client: Client
    parts: Parts

    @property
    def word(self) -> str:
        """What each of their forms carries, so that a change is theirs; of today."""
        return self.words[0]

    @property
    def words(self) -> tuple[str, ...]:
        """Those taken: of today and yesterday."""
        today, whose = datetime.now(UTC).date(), self.client.session or self.client.id
        return tuple(_signature(self.parts, "form", whose, str(today - timedelta(days=back))) for back in (0, 1))


async def _visitor(client: TheClient, parts: TheParts) -> Visitor:
    return Visitor(client, parts)


TheVisitor = Annotated[Visitor, Depends(_visitor)]


async def open_(
    parts: Parts, client_id: str, person: Person | None = None, tokens: Tokens | None = None, state: str | None = None
) -> tuple[str, int]:
    """Open a session; its cookie, and how many seconds it lasts.

    Raises:
        NotSignedIn: the provider's `state` opened one before.
    """
    cookie = secrets.token_urlsafe(32)
    seconds = parts.settings.control_room.session_hours * 3_600
    if tokens is not None and tokens.refresh_token is None:
        seconds = min(seconds, tokens.seconds)  # nobody can be asked later whether the roles still hold
    async with parts.pool.connection() as connection:
        opened = await connection.execute(
            "INSERT INTO runtime.sessions (digest, client_id, person, kept, sign_in, ends_at)"
            " VALUES (%s, %s, %s, %s, %s, clock_timestamp() + %s) ON CONFLICT (sign_in) DO NOTHING",
            (
                _digest(cookie), client_id, _jsonb(person), tokens and _kept(cookie, tokens), state and _digest(state),
                timedelta(seconds=seconds),
            ),
        )  # fmt: skip
    if opened.rowcount != 1:
        raise NotSignedIn("this sign-in was used before")
    return cookie, int(seconds)


async def used(parts: Parts, state: str) -> bool:
    """Whether the provider's `state` opened a session that still is."""
    async with parts.pool.connection() as connection:
        found = await connection.execute("SELECT FROM runtime.sessions WHERE sign_in = %s", (_digest(state),))
    return found.rowcount > 0


async def end(request: Request, parts: Parts) -> str | None:
    """End the session of a request; the ID token by which it can also be ended at the provider."""
    cookie = request.cookies.get(COOKIE, "")
    async with parts.pool.connection() as connection:
        ended = await connection.execute(
            "DELETE FROM runtime.sessions WHERE digest = %s RETURNING kept", (_digest(cookie),)
        )
        row = await ended.fetchone()
    return None if row is None or row["kept"] is None else str(_open(cookie, row["kept"])["id_token"])


async def forget(connection: AsyncConnection[DictRow]) -> int:
    """Delete the sessions that have ended; how many."""
    return (await connection.execute("DELETE FROM runtime.sessions WHERE ends_at < clock_timestamp()")).rowcount


async def client_of(request: Request, parts: Parts) -> Client:
    """Whose session a browser has.

    Raises:
        SignInFirst: it asks for a page without one.
        Refusal: 401, it has none; 429; 503, the provider can't be asked whether it still holds.
    """
    await parts.guard.page_visitor(request)
    cookie = request.cookies.get(COOKIE, "")
    async with parts.pool.connection() as connection:
        found = await connection.execute(
            "SELECT client_id, person FROM runtime.sessions WHERE digest = %s AND ends_at > clock_timestamp()",
            (_digest(cookie),),
        )
        row = await found.fetchone()
    client = None
    if row is not None and row["person"] is None:
        client = parts.guard.named(row["client_id"])
    elif row is not None and parts.people is not None:
        person = await _still(parts, cookie, PERSON.validate_python(row["person"]))
        client = None if person is None else person.client
    if client is not None:
        return replace(client, session=_digest(cookie).hex())
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        raise SignInFirst(f"{request.url.path}?{request.url.query}".rstrip("?"))
    raise Refusal(401, None, f"Sign in at {SIGN_IN}, or send an API token: `Authorization: Bearer …`.")


async def _still(parts: Parts, cookie: str, person: Person) -> Person | None:
    """The person as the provider says now, if that was not asked a short time ago; None: the session is over."""
    assert parts.people is not None
    async with parts.pool.connection() as connection:
        # Of those who come at the same time one asks: a refresh token may be good for one use only.
        due = await connection.execute(
            """
            UPDATE runtime.sessions SET checked_at = clock_timestamp() - %(every)s + %(meanwhile)s
            WHERE digest = %(digest)s AND checked_at < clock_timestamp() - %(every)s RETURNING kept
            """,
            {
                "digest": _digest(cookie), "meanwhile": timedelta(seconds=CHECK_SECONDS),
                "every": timedelta(seconds=parts.settings.openid.role_check_seconds),
            },
        )  # fmt: skip
        row = await due.fetchone()
    if row is None or (refresh_token := _open(cookie, row["kept"])["refresh_token"]) is None:
        return person
    try:
        now, tokens = await parts.people.again(person, refresh_token)
    except NotSignedIn as error:
        log.info("session ended", action="session_ended", who=person.name, reason=str(error))
        await _change(parts, cookie, "DELETE FROM runtime.sessions WHERE digest = %(digest)s", {})
        return None
    except ProviderAway:
        # Whether the roles still hold is not known, so they don't; the next request asks again.
        again = "UPDATE runtime.sessions SET checked_at = '-infinity' WHERE digest = %(digest)s"
        await _change(parts, cookie, again, {})
        raise provider_away() from None
    renewed = (
        "UPDATE runtime.sessions SET person = %(person)s, kept = %(kept)s, checked_at = clock_timestamp()"
        " WHERE digest = %(digest)s"
    )
    await _change(parts, cookie, renewed, {"person": _jsonb(now), "kept": _kept(cookie, tokens)})
    return now


async def _change(parts: Parts, cookie: str, statement: str, given: dict[str, object]) -> None:
    async with parts.pool.connection() as connection:
        await connection.execute(statement.encode(), given | {"digest": _digest(cookie)})


def check_form(request: Request, visitor: Visitor, word: str) -> None:
    """Take a change only from a form of ours.

    Raises:
        Refusal: 403, it came from another page, or the form is older than yesterday.
    """
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or not any(
        hmac.compare_digest(word.encode("utf-8", "replace"), known.encode()) for known in visitor.words
    ):
        raise Refusal(403, "not-our-form", "The form is too old, or not ours. Load the page again and repeat it.")


def own_page(address: str) -> str:
    """Where to go after signing in: one of our own pages, whatever was asked for."""
    known = address.startswith("/control") and not set(address) & set("\\\r\n")
    return address if known else "/control"


async def to_sign_in(_request: Request, error: Exception) -> Response:
    """How the app answers `SignInFirst`."""
    assert isinstance(error, SignInFirst)
    return Response(status_code=303, headers={"Location": error.address, "Cache-Control": "no-store"})


def _signature(parts: Parts, *what: str) -> str:
    return hmac.new(secret_of(parts.settings), "\n".join(what).encode(), hashlib.sha256).hexdigest()


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "replace")).digest()


def _jsonb(person: Person | None) -> Jsonb | None:
    return None if person is None else Jsonb(PERSON.dump_python(person, mode="json"))


def _cipher(cookie: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"tokens\n{cookie}".encode()).digest()))


def _kept(cookie: str, tokens: Tokens) -> str:
    both = {"id_token": tokens.id_token, "refresh_token": tokens.refresh_token}
    return _cipher(cookie).encrypt(json.dumps(both).encode()).decode()


def _open(cookie: str, kept: str) -> dict[str, str | None]:
    found: dict[str, str | None] = json.loads(_cipher(cookie).decrypt(kept.encode()))
    return found
