"""Tokens, scopes, limits of requests, and faults that a test switches on."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tests.simulators.hubspot.records import Problem

Fault = Literal[
    "html",  # 200 with a page
    "half",  # 200 with JSON that breaks off
    "list",  # 200 with JSON that is no object
    "silent",  # nothing for 30 s
    "500",
    "502",  # with a page
    "503_later",  # a page, with Retry-After
    "429_secondly",  # with Retry-After
    "429_bare",  # without
    "429_daily",
    "401",
    "lost",  # the work is done, and the answer is lost
]

_PAGE = "<html><body><h1>We'll be right back</h1></body></html>"

ALL_SCOPES = frozenset(
    f"crm.{part}.{action}"
    for part in (
        "objects.contacts",
        "objects.companies",
        "objects.deals",
        "objects.goals",
        "objects.owners",
        "schemas.contacts",
        "schemas.deals",
    )
    for action in ("read", "write")
) | {"oauth"}


@dataclass
class Door:
    """Who may ask, and how often."""

    token: str = "pat-eu1-simulated"
    refresh_token: str = "refresh-simulated"
    client_id: str = "app-simulated"
    client_secret: str = "app secret"
    lasts: int | None = None
    """Requests for which a token holds that was renewed."""
    renewed: dict[str, int] = field(default_factory=dict)
    """Tokens that were renewed, and how often each was used."""
    scopes: set[str] = field(default_factory=lambda: set(ALL_SCOPES))
    ten_secondly: int = 190
    daily: int = 650_000
    searches_per_second: int = 4
    clock: Callable[[], float] = time.monotonic
    faults: list[Fault | None] = field(default_factory=list)
    """For the next requests, one each; None: that one goes well."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""
    used_today: int = 0
    _recent: deque[float] = field(default_factory=deque)
    _searches: deque[float] = field(default_factory=deque)

    def admit(self, request: Request) -> dict[str, str]:
        """The headers of the answer.

        Raises:
            Problem: 401, 403 or 429.
        """
        now, path = self.clock(), request.url.path
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given in self.renewed:
            if self.lasts is not None and self.renewed[given] >= self.lasts:
                raise Problem(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
            self.renewed[given] += 1
        elif given != self.token:
            raise Problem(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if path.endswith("/search"):
            self._limit(self._searches, now, 1.0, self.searches_per_second, "SECONDLY")
            headers = {}
        else:
            self._limit(self._recent, now, 10.0, self.ten_secondly, "TEN_SECONDLY_ROLLING")
            headers = {
                "X-HubSpot-RateLimit-Max": str(self.ten_secondly),
                "X-HubSpot-RateLimit-Remaining": str(self.ten_secondly - len(self._recent)),
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
                "X-HubSpot-RateLimit-Daily": str(self.daily),
                "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self.used_today - 1)),
            }
        if self.used_today >= self.daily:
            raise limited("DAILY")
        self.used_today += 1
        return headers

    def renew(self, form: Mapping[str, str]) -> Response:
        wanted = {"client_id": self.client_id, "client_secret": self.client_secret, "refresh_token": self.refresh_token}
        if form.get("grant_type") != "refresh_token":
            return JSONResponse({"status": "BAD_GRANT_TYPE", "message": "missing or unknown grant type"}, 400)
        if any(form.get(name) != value for name, value in wanted.items()):
            return JSONResponse({"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}, 400)
        token = f"access-{len(self.renewed) + 1}-simulated"
        self.renewed[token] = 0
        body = {"access_token": token, "refresh_token": self.refresh_token, "expires_in": 1_800, "token_type": "bearer",
                "hub_id": 7, "user_id": 1, "scopes": sorted(self.scopes)}  # fmt: skip
        return JSONResponse(body)

    def needs(self, *scopes: str) -> None:
        scopes = tuple(one.replace(".goal_targets.", ".goals.") for one in scopes)
        if not self.scopes & set(scopes):
            context = {"requiredGranularScopes": list(scopes)}
            message = "This app hasn't been granted all required scopes to make this call."
            raise Problem(
                403,
                "MISSING_SCOPES",
                message,
                errors=[{"message": "One or more of the following scopes are required.", "context": context}],
            )

    def _limit(self, seen: deque[float], now: float, seconds: float, most: int, policy: str) -> None:
        while seen and seen[0] <= now - seconds:
            seen.popleft()
        if len(seen) >= most:
            raise limited(policy)
        seen.append(now)


def limited(policy: str) -> Problem:
    problem = Problem(429, "RATE_LIMITS", f"You have reached your {policy.lower()} limit.")
    problem.body |= {"errorType": "RATE_LIMIT", "policyName": policy, "groupName": "publicapi:private-app-api-calls"}
    return problem


async def faulty(fault: Fault) -> Response:
    """The answer of a fault."""
    if fault == "silent":
        await asyncio.sleep(30)
    made: dict[Fault, Response] = {
        "html": HTMLResponse(_PAGE),
        "502": HTMLResponse(_PAGE, 502),
        "half": Response('{"id": "1", "properties": {"ema', media_type="application/json"),
        "list": JSONResponse([]),
        "503_later": HTMLResponse(_PAGE, 503, {"Retry-After": "20"}),
        "500": JSONResponse(Problem(500, "INTERNAL_ERROR", "internal error").body, 500),
        "401": JSONResponse(Problem(401, "EXPIRED_AUTHENTICATION", "The token expired.").body, 401),
        "429_secondly": JSONResponse(limited("SECONDLY").body, 429, {"Retry-After": "3"}),
        "429_bare": JSONResponse(limited("TEN_SECONDLY_ROLLING").body, 429),
        "429_daily": JSONResponse(limited("DAILY").body, 429),
        "silent": Response(status_code=504),
        "lost": HTMLResponse(_PAGE, 502),
    }
    return made[fault]
