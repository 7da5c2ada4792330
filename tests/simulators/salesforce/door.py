"""Log-ins, sessions, the day's limit, and faults that a test switches on."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import jwt
from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tests.simulators.salesforce.problems import Problem

Fault = Literal[
    "html",  # 200 with a page
    "half",  # 200 with JSON that breaks off
    "text",  # 200 with JSON that is neither object nor list
    "silent",  # nothing for 30 s
    "500",
    "502",  # with a page
    "503_later",  # a page, with Retry-After
    "503",  # SERVER_UNAVAILABLE
    "429_bare",  # a page, without Retry-After
    "daily",  # REQUEST_LIMIT_EXCEEDED
    "concurrent",  # the same code for another limit
    "401",  # the session is refused, though it holds
    "lost",  # the work is done, and the answer is lost
]

JWT_SECONDS = 300

_PAGE = "<html><body><h1>We are down for maintenance.</h1></body></html>"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_DAILY = Problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
_CONCURRENT = Problem(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")


def expired() -> Problem:
    return Problem(401, "INVALID_SESSION_ID", "Session expired or invalid")


class Refused(Exception):
    """A log-in as it is refused."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


@dataclass
class Door:
    """Who may come in, and how often."""

    client_id: str = "3MVG9.simulated"
    client_secret: str = "app-secret"
    username: str = "integration@example.com"
    public_key: str | None = None
    """Of the app's certificate, in PEM; None: it has none, and the JWT flow is refused."""
    audience: str = "https://login.salesforce.com"
    approved: bool = True
    """Whether the user may use the app."""
    daily: int = 15_000
    page: int = 2_000
    """Records in one answer to a query."""
    lasts: int | None = None
    """Requests for which a session holds."""
    faults: list[Fault | None] = field(default_factory=list)
    """For the next requests that are no log-ins, one each; None: that one goes well."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""
    sessions: dict[str, int] = field(default_factory=dict)
    """How often each was used."""
    used: int = 0
    _numbers: Any = field(default_factory=lambda: count(1))

    def log_in(self, form: Mapping[str, str], basic: str) -> str:
        """A new session's token; `basic`: the header's user and password, by which an app may name itself too.

        Raises:
            Refused: it is not given.
        """
        kind = form.get("grant_type")
        if kind == "client_credentials":
            app, _, secret = base64.b64decode(basic).decode().partition(":")
            if form.get("client_id", app) != self.client_id:
                raise Refused("invalid_client_id", "client identifier invalid")
            if form.get("client_secret", secret) != self.client_secret:
                raise Refused("invalid_client", "invalid client credentials")
        elif kind == _GRANT:
            self._assertion(form.get("assertion", ""))
        else:
            raise Refused("unsupported_grant_type", "grant type not supported")
        if not self.approved:
            raise Refused("invalid_grant", "user hasn't approved this consumer")
        token = f"00D5g!{next(self._numbers)}.simulated"
        self.sessions[token] = 0
        return token

    def admit(self, request: Request) -> None:
        """Let a request in.

        Raises:
            Problem: its session is none, or the day's requests are used up.
        """
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.sessions or (self.lasts is not None and self.sessions[token] >= self.lasts):
            self.sessions.pop(token, None)
            raise expired()
        if self.used >= self.daily:
            raise _DAILY
        self.sessions[token] += 1
        self.used += 1

    @property
    def usage(self) -> str:
        return f"api-usage={self.used}/{self.daily}"

    def _assertion(self, assertion: str) -> None:
        try:
            claims = jwt.decode(
                assertion,
                self.public_key or "",
                algorithms=["RS256"],
                audience=self.audience,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidAudienceError:
            raise Refused("invalid_grant", "audience is invalid") from None
        except (ValueError, jwt.PyJWTError):
            raise Refused("invalid_grant", "invalid assertion") from None
        if claims["iss"] != self.client_id:
            raise Refused("invalid_client_id", "client identifier invalid")
        if claims["sub"] != self.username or int(claims["exp"]) > time.time() + JWT_SECONDS:
            raise Refused("invalid_grant", "invalid assertion")


async def faulty(fault: Fault) -> Response:
    """The answer of a fault."""
    if fault == "silent":
        await asyncio.sleep(30)
    problems = {
        "500": Problem(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. ErrorId: 1-2 (3)"),
        "503": Problem(503, "SERVER_UNAVAILABLE", "Server temporarily unavailable"),
        "daily": _DAILY,
        "concurrent": _CONCURRENT,
        "401": expired(),
    }
    if fault in problems:
        return JSONResponse(problems[fault].body, problems[fault].status)
    made: dict[Fault, Response] = {
        "html": HTMLResponse(_PAGE),
        "502": HTMLResponse(_PAGE, 502),
        "half": Response('{"attributes": {"type": "Lead"}, "Id": "00Q', media_type="application/json"),
        "text": JSONResponse("maintenance"),
        "503_later": HTMLResponse(_PAGE, 503, {"Retry-After": "20"}),
        "429_bare": HTMLResponse(_PAGE, 429),
        "silent": Response(status_code=504),
        "lost": HTMLResponse(_PAGE, 502),
    }
    return made[fault]
