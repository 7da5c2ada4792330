"""Receivers of webhooks by Standard Webhooks, one for each path: they check the signature, and fail as they are told to.

Run alone (`python -m tests.simulators.hooks --port 8220 --secret whsec_…`) one prints what it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
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
    secret: str = ""
    """Of those that nobody gave another one."""
    loud: bool = False

    def at(self, path: str) -> Receiver:
        return self.receivers.setdefault(path, Receiver(self.secret))


def made(found: Hooks) -> FastAPI:
    """The app that all answer by."""
    app = FastAPI()
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
            except Untrusted as error:
                if found.loud:
                    print(f"{path}: refused. {error}", flush=True)  # noqa: T201 - what it is for
                return Response(status_code=401)
            assert message_id == json.loads(body)["id"]
        if one.status < 300:
            assert request.headers["content-type"] == "application/cloudevents+json"
            one.events.append(json.loads(body))
            if found.loud:
                print(f"{path}: {body.decode()}", flush=True)  # noqa: T201 - see above
        return Response(status_code=one.status, headers=one.headers)

    return app


@contextlib.contextmanager
def hooks() -> Iterator[Hooks]:
    """Serves them on a port of their own."""
    found = Hooks("")
    with listening(made(found)) as url:
        found.url = url
        yield found


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("--port", type=int, default=8220)
    given.add_argument("--secret", default="")
    asked = given.parse_args()
    uvicorn.run(made(Hooks("", secret=asked.secret, loud=True)), port=asked.port, log_level="warning")
