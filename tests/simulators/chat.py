"""Slack's incoming webhooks and a workflow of Teams, strict to what both publish, with faults to switch on.

Run alone (`python -m tests.simulators.chat --port 8210`) it prints what is posted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from tests.simulators.serving import listening

_TAG = re.compile(r"<(?!https?://[^<>|]+(\|[^<>|]+)?>)")
"""What is no link: a mention of everybody, for instance."""


@dataclass
class Chat:
    """Both, at `<url>/slack/<room>` and `<url>/teams/<room>`."""

    url: str = ""
    posted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: dict[str, tuple[int, str, dict[str, str]]] = field(default_factory=dict)
    """By room what it answers instead, until taken out: status, words, headers."""
    at: dict[str, float] = field(default_factory=dict)
    too_fast: int = 0
    loud: bool = False

    def take(self, room: str, message: dict[str, Any]) -> None:
        self.posted.setdefault(room, []).append(message)
        if self.loud:
            print(json.dumps(message, indent=2, ensure_ascii=False), flush=True)  # noqa: T201 - what it is for


def made(chat: Chat) -> FastAPI:
    """The app that both answer by."""
    app = FastAPI()

    def refused(room: str) -> Response | None:
        if room in chat.faults:
            status, words, headers = chat.faults[room]
            return PlainTextResponse(words, status, headers)
        now = time.monotonic()
        if now - chat.at.get(room, -1.0) < 0.95:
            chat.too_fast += 1
            return PlainTextResponse("rate_limited", 429, {"Retry-After": "1"})
        chat.at[room] = now
        return None

    @app.post("/slack/{room}")
    async def slack(room: str, request: Request) -> Response:
        if fault := refused(room):
            return fault
        message = await request.json()
        blocks = message.get("blocks", [])
        fits = isinstance(message.get("text"), str) and not _TAG.search(message["text"]) and 0 < len(blocks) <= 50
        for block in blocks:
            text = block["text"]
            fits &= block["type"] == "section" and text["type"] == "mrkdwn" and 0 < len(text["text"]) <= 3_000
            fits &= not _TAG.search(text["text"]) and not re.search(r"&(?!amp;|lt;|gt;)", text["text"])
        if not fits:
            return PlainTextResponse("invalid_payload", 400)
        chat.take(room, message)
        return PlainTextResponse("ok")

    @app.post("/teams/{room}")
    async def teams(room: str, request: Request) -> Response:
        if fault := refused(room):
            return fault
        raw = await request.body()
        if len(raw) > 28 * 1024:
            return PlainTextResponse("Request Entity Too Large", 413)
        message = json.loads(raw)
        card = message["attachments"][0]["content"] if message.get("type") == "message" else {}
        fits = card.get("type") == "AdaptiveCard" and float(card["version"]) >= 1.4 and len(card["actions"]) <= 6
        fits = fits and message["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
        fits = fits and all(one["type"] == "TextBlock" and one["text"] for one in card["body"])
        if not fits:
            return Response(status_code=400)
        chat.take(room, message)
        return Response(status_code=202)

    return app


@contextlib.contextmanager
def chat() -> Iterator[Chat]:
    """Serves both on a port of their own."""
    found = Chat()
    with listening(made(found)) as url:
        found.url = url
        yield found


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("--port", type=int, default=8210)
    uvicorn.run(made(Chat(loud=True)), port=given.parse_args().port, log_level="warning")
