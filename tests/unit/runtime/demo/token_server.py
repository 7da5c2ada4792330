"""An OAuth 2 authorization server for client credentials (RFC 6749, section 4.4), over HTTPS."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class TokenServer:
    """Gives tokens that hold for `lifetime` seconds to the client `worker` with the secret `s3cret`."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.asked: list[dict[str, str]] = []
        self._good_until: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self.url = ""

    def good(self, token: str | None) -> bool:
        return token is not None and time.time() < self._good_until.get(token, 0)

    def answer(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        self.asked.append(form)
        if (form.get("client_id"), form.get("client_secret")) != ("worker", "s3cret"):
            return 401, {"error": "invalid_client"}
        token = f"token-{next(self._numbers)}"
        self._good_until[token] = time.time() + self.lifetime
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}


@contextmanager
def token_server(context: ssl.SSLContext, lifetime: float) -> Iterator[TokenServer]:
    tokens = TokenServer(lifetime)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer = tokens.answer({key: values[0] for key, values in parse_qs(body).items()})
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        tokens.url = f"https://127.0.0.1:{server.server_address[1]}/token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield tokens
        finally:
            server.shutdown()
            thread.join()
