"""Serves a simulated account on a port of its own while a test runs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvicorn

from tests.simulators.hubspot.app import create_app
from tests.simulators.hubspot.limits import Door
from tests.simulators.hubspot.records import Account


@dataclass
class Simulated:
    account: Account = field(default_factory=Account)
    door: Door = field(default_factory=Door)
    url: str = ""

    def asked(self, part: str) -> int:
        """How many requests had this in their method or path."""
        return sum(part in one for one in self.door.asked)


@contextlib.contextmanager
def served() -> Iterator[Simulated]:
    simulated = Simulated()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        simulated.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(simulated.account, simulated.door)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield simulated
        finally:
            server.should_exit = True
            thread.join()
