"""Log-ins, sessions with their CSRF tokens, and faults that a test switches on."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Literal

from fastapi.responses import HTMLResponse, JSONResponse, Response

from tests.simulators.sap.problems import Problem

Fault = Literal[
    "html",  # 200 with a page
    "half",  # 200 with JSON that breaks off
    "text",  # 200 with JSON that is no OData
    "inside",  # 200 with an error inside
    "silent",  # nothing for 30 s
    "500",  # with an OData error
    "502",  # with a page
    "503",  # with a page
    "503_later",  # the same with Retry-After
    "429",
    "429_later",  # with Retry-After
    "401",  # the log-in is refused, though it is right
    "session",  # all sessions are over
    "lost",  # the work is done, and the answer is lost
    "late",  # the work is done, long after anybody waits for it
]

LATE_SECONDS = 12.0

COOKIE = "SAP_SESSIONID_SIM_100"
_PAGE = "<html><body><h1>Service Unavailable</h1></body></html>"


@dataclass
class Door:
    """Who may come in."""

    username: str = "FAIRLEAD"
    password: str = "it is a secret"
    client_id: str = "fairlead-client"
    client_secret: str = "oauth secret"
    faults: list[Fault | None] = field(default_factory=list)
    """For the next requests, fetches of tokens apart, one each; None: that one goes well."""
    creating: list[Fault | None] = field(default_factory=list)
    """Likewise, but for the next requests that make a business partner; after those of `faults`."""
    lasts: int | None = None
    """Requests for which a session holds."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""
    sent: list[dict[str, str]] = field(default_factory=list)
    """The headers of each."""
    sessions: dict[str, list[str | int]] = field(default_factory=dict)
    """The token of each, and how often it was used."""
    tokens: set[str] = field(default_factory=set)
    """OAuth access tokens that hold."""

    def fault(self, method: str, path: str, headers: Mapping[str, str]) -> Fault | None:
        """What happens to a request."""
        if headers.get("x-csrf-token", "").lower() == "fetch":
            return None
        waiting = self.faults
        if not waiting and (method, path) == ("POST", "A_BusinessPartner"):
            waiting = self.creating
        return waiting.pop(0) if waiting else None

    def token(self, headers: Mapping[str, str], form: Mapping[str, str]) -> dict[str, object] | None:
        """What the OAuth server gives; None: nothing."""
        if basic(headers) != (self.client_id, self.client_secret) or form.get("grant_type") != "client_credentials":
            return None
        given = secrets.token_urlsafe(16)
        self.tokens.add(given)
        return {"access_token": given, "token_type": "bearer", "expires_in": 3600}

    def known(self, headers: Mapping[str, str]) -> bool:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return basic(headers) == (self.username, self.password) or bearer in self.tokens

    def session(self, headers: Mapping[str, str]) -> tuple[str, bool]:
        """The session of a request, and whether it is a new one."""
        cookies: SimpleCookie = SimpleCookie(headers.get("cookie", ""))
        name = cookies[COOKIE].value if COOKIE in cookies else ""
        if name in self.sessions and (self.lasts is None or int(self.sessions[name][1]) < self.lasts):
            self.sessions[name][1] = int(self.sessions[name][1]) + 1
            return name, False
        self.sessions.pop(name, None)
        name = secrets.token_hex(8)
        self.sessions[name] = [secrets.token_urlsafe(16), 1]
        return name, True

    def csrf(self, session: str, headers: Mapping[str, str], *, new: bool) -> bool:
        """Whether a change brings its session's token."""
        return not new and headers.get("x-csrf-token") == self.sessions[session][0]


def basic(headers: Mapping[str, str]) -> tuple[str, str] | None:
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind != "Basic":
        return None
    name, _, secret = base64.b64decode(given).decode().partition(":")
    return name, secret


async def faulty(fault: Fault) -> Response:
    """The answer of a fault."""
    if fault == "silent":
        await asyncio.sleep(30)
    problem = Problem(500, "/IWBEP/CX_MGW_TECH_EXCEPTION", "An exception was raised")
    made: dict[str, Response] = {
        "html": HTMLResponse(_PAGE),
        "502": HTMLResponse(_PAGE, 502),
        "503": HTMLResponse(_PAGE, 503),
        "503_later": HTMLResponse(_PAGE, 503, {"Retry-After": "20"}),
        "429": HTMLResponse(_PAGE, 429),
        "429_later": HTMLResponse(_PAGE, 429, {"Retry-After": "7"}),
        "401": HTMLResponse(_PAGE, 401),
        "half": Response('{"d": {"results": [{"BusinessPartner": "10', media_type="application/json"),
        "text": JSONResponse("maintenance"),
        "inside": JSONResponse(Problem(200, "R1/101", "Enter all required fields", "LastName").body),
        "500": JSONResponse(problem.body, 500),
        "silent": Response(status_code=504),
        "lost": HTMLResponse(_PAGE, 502),
    }
    return made[fault]
