"""Receivers of webhooks by Standard Webhooks, one for each path: they check the signature, and fail as they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response

from tests.simulators.serving import listening
from workers.connectors.webhooks import Untrusted, verify_standard


@dataclass
class Receiver:
    """Somebody who is told."""

    secret: str = ""
    """Empty: it takes whatever comes."""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    """Taken, in their order."""
    asked: int = 0
    """How often it was called, whatever came of it."""

    @property
    def ids(self) -> list[str]:
        return [one["id"] for one in self.events]


@dataclass
class Hooks:
    """All receivers, by their paths; one begins when its path is first named."""

    url: str
    receivers: dict[str, Receiver] = field(default_factory=dict)

    def at(self, path: str) -> Receiver:
        return self.receivers.setdefault(path, Receiver())


@contextlib.contextmanager
def hooks() -> Iterator[Hooks]:
    """Serves them on a port of their own."""
    app = FastAPI()
    found = Hooks("")
    stopping = asyncio.Event()

    @app.post("/{path}")
    async def take(path: str, request: Request) -> Response:
        one = found.at(path)
        one.asked += 1
        body = await request.body()
        if one.hangs:
            await asyncio.wait_for(stopping.wait(), 60.0)
        if one.secret:
            try:
                message_id = verify_standard([one.secret], body, request.headers, now=time.time())
            except Untrusted:
                return Response(status_code=401)
            assert message_id == json.loads(body)["id"]
        if one.status < 300:
            assert request.headers["content-type"] == "application/cloudevents+json"
            one.events.append(json.loads(body))
        return Response(status_code=one.status, headers=one.headers)

    with listening(app) as url:
        found.url = url
        yield found
