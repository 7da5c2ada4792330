"""What the gateway's tests share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
from fastapi import FastAPI

from workers.gateway.answers import HumanTask
from workers.gateway.human_tasks import EngineUnavailable

Client = httpx.AsyncClient
MakeClient = Callable[..., Awaitable[Client]]


class Board:
    """Stands for Camunda's task search, which needs the whole local stack; see tests/stack for the real one."""

    def __init__(self) -> None:
        self.found: dict[int, list[HumanTask]] = {}
        self.reachable = True

    async def tasks(self, process_instance_key: int) -> list[HumanTask]:
        if not self.reachable:
            raise EngineUnavailable("nothing answers")
        return self.found.get(process_instance_key, [])

    def link(self, task: HumanTask) -> str:
        return f"http://tasklist.example/tasklist/{task.key}"

    def home(self) -> str:
        return "http://tasklist.example/tasklist"


def client_of(app: FastAPI) -> Client:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60)
