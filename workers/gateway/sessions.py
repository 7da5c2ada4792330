"""Who looks at the control room: a person who gave an API token once, or an API client.

A browser gets a cookie that names the token (not the token itself) and the moment it ends, signed with the secret of the
house; so it dies with the token. Changes also need a form's secret word, which other web pages can't know.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response

from workers.gateway.guard import Client
from workers.gateway.parts import Parts, TheParts
from workers.gateway.problems import Refusal
from workers.office.links import secret_of

COOKIE = "fairlead_session"
SIGN_IN = "/control/sign-in"


class SignInFirst(Exception):
    """Leads a browser to the page where a token is given, and back."""

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
        today = datetime.now(UTC).date()
        return tuple(
            _signature(self.parts, "form", self.client.id, str(today - timedelta(days=back))) for back in (0, 1)
        )


def cookie_of(parts: Parts, client: Client) -> tuple[str, int]:
    """A session's cookie, and how many seconds it lasts."""
    seconds = int(parts.settings.control_room.session_hours * 3_600)
    until = int((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp())
    return f"{client.id}.{until}.{_signature(parts, 'session', client.id, str(until))}", seconds


async def _visitor(request: Request, parts: TheParts) -> Visitor:
    return Visitor(await _client(request, parts), parts)


TheVisitor = Annotated[Visitor, Depends(_visitor)]


async def _client(request: Request, parts: Parts) -> Client:
    """By the cookie where there is one, else as the API.

    Raises:
        SignInFirst: a browser asks for a page without either.
        Refusal: as `Guard.client`.
    """
    if not parts.guard.tokens or "authorization" in request.headers:
        return await parts.guard.client(request)
    await parts.guard.page_visitor(request)
    client_id, _, rest = request.cookies.get(COOKIE, "").partition(".")
    until, _, signature = rest.partition(".")
    genuine = hmac.compare_digest(
        signature.encode("utf-8", "replace"), _signature(parts, "session", client_id, until).encode()
    )
    if genuine and datetime.now(UTC).timestamp() < int(until) and parts.guard.knows(client_id):
        return Client(client_id, token=True)
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        raise SignInFirst(f"{request.url.path}?{request.url.query}".rstrip("?"))
    raise Refusal(401, None, f"Sign in at {SIGN_IN}, or send an API token: `Authorization: Bearer …`.")


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
