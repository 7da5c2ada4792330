"""What a process shows of itself on a loopback port: `/metrics`, `/healthz` (it lives), `/readyz` (it works)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import make_wsgi_app

State = dict[str, Any]  # Any: JSON


class Probes:
    """A small HTTP server in a thread of its own, so that it answers while the event loop is busy."""

    def __init__(self, host: str, port: int, state: Callable[[], State]) -> None:
        """`state` is called in another thread; its key ``ready`` decides what `/readyz` answers.

        Raises:
            OSError: the port is taken.
        """
        self._state = state
        self._metrics = make_wsgi_app()
        self._server = make_server(host, port, self._answer, server_class=_Server, handler_class=_Quiet)
        self.port = int(self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start)
            return answer
        if path not in {"/healthz", "/readyz"}:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"There is /metrics, /healthz and /readyz.\n"]
        state = self._state()
        status = "503 Service Unavailable" if path == "/readyz" and not state["ready"] else "200 OK"
        start(status, [("Content-Type", "application/json")])
        return [json.dumps(state).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Probes come every few seconds: no line for each."""
