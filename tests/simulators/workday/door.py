"""Log-ins, and faults that a test switches on."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

Fault = Literal[
    "html",  # 200 with a log-in page
    "html as json",  # the same, called JSON
    "redirect",  # to a log-in page
    "half",  # 200 with JSON that breaks off
    "array",  # 200 with a list
    "no entries",  # 200 with an object that has other keys
    "entry",  # Report_Entry is an object, as if there was one row
    "silent",  # nothing for 30 s
    "stalls",  # begins, then nothing for 30 s
    "401",  # though the log-in is right
    "429",
    "429 later",  # with Retry-After
    "503 later",
    "500",
    "502",  # with a page
]

_PAGE = "<!DOCTYPE html><html><body><form>Sign in to Workday</form></body></html>"


@dataclass
class Door:
    username: str = "ISU_Fairlead"
    password: str = "isu-secret"
    client_id: str = "client"
    client_secret: str = "client-secret"
    refresh_token: str = "refresh"
    lasts: int | None = None
    """Requests for which an access token holds."""
    faults: list[Fault | None] = field(default_factory=list)
    """For the next reports, one each; None: that one goes well."""
    asked: list[str] = field(default_factory=list)
    """Method, path and query of each request."""
    tokens: dict[str, int] = field(default_factory=dict)
    """How often each was used."""
    _numbers: Any = field(default_factory=lambda: count(1))

    def admits(self, header: str) -> bool:
        """Whether a request with this header is let in."""
        kind, _, value = header.partition(" ")
        if kind == "Basic":
            return basic(value) == (self.username, self.password)
        if kind != "Bearer" or value not in self.tokens:
            return False
        if self.lasts is not None and self.tokens[value] >= self.lasts:
            return False
        self.tokens[value] += 1
        return True

    def token(self, form: Mapping[str, str], header: str) -> Response:
        """What the token endpoint answers (RFC 6749, section 5)."""
        if basic(header.partition(" ")[2]) != (self.client_id, self.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "refresh_token":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if form.get("refresh_token") != self.refresh_token:
            return JSONResponse({"error": "invalid_grant"}, 400)
        made = f"token{next(self._numbers)}"
        self.tokens[made] = 0
        return JSONResponse({"access_token": made, "token_type": "Bearer", "refresh_token": self.refresh_token})


def basic(value: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def refused() -> Response:
    return JSONResponse({"error": "invalid username or password"}, 401, {"WWW-Authenticate": 'Basic realm="Workday"'})


async def faulty(fault: Fault, request: Request, whole: bytes) -> Response:
    """The answer of a fault; `whole` is the right one."""
    if fault == "silent":
        await _while_connected(request)
    made: dict[Fault, Response] = {
        "html": HTMLResponse(_PAGE),
        "html as json": Response(_PAGE, media_type="application/json"),
        "redirect": RedirectResponse("/wday/authgwy/acme/login.htmld"),
        "half": Response(whole[: len(whole) // 2], media_type="application/json"),
        "array": JSONResponse([]),
        "no entries": JSONResponse({"Report_Total": 3}),
        "entry": JSONResponse({"Report_Entry": {"Employee_ID": "1"}}),
        "silent": Response(status_code=504),
        "stalls": StreamingResponse(_stalling(request, whole), media_type="application/json"),
        "401": refused(),
        "429": Response(status_code=429),
        "429 later": Response(status_code=429, headers={"Retry-After": "40"}),
        "503 later": HTMLResponse(_PAGE, 503, {"Retry-After": "20"}),
        "500": JSONResponse({"error": "Internal Service Error"}, 500),
        "502": HTMLResponse(_PAGE, 502),
    }
    return made[fault]


async def _stalling(request: Request, whole: bytes) -> AsyncIterator[bytes]:
    yield whole[: len(whole) // 2]
    await _while_connected(request)


async def _while_connected(request: Request) -> None:
    """30 s, or until nobody waits any more."""
    for _ in range(300):
        if await request.is_disconnected():
            return
        await asyncio.sleep(0.1)
