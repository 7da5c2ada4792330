"""The gateway's HTTP interface as the sample uses it: patient, because the stack may still be starting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import structlog

from workers.runtime.outside_http import retry_after
from workers.settings import Settings
from workers.settings_access import Role

log = structlog.get_logger()
PATIENCE_SECONDS = 30.0
"""The longest pause between two tries."""
BUSY = {429, 502, 503, 504}


class Refused(Exception):
    """The gateway does not take a request as it is; the message says why."""


def client(settings: Settings, *, timeout_seconds: float = 10.0, connections: int = 20) -> httpx.AsyncClient:
    """A client for the gateway of these settings, with its first token for machines if it has any. The caller closes it."""
    token = settings.gateway.token_for(Role.API)
    return httpx.AsyncClient(
        base_url=settings.gateway_url,
        headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
        timeout=timeout_seconds,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        trust_env=False,  # a proxy of the environment must not come between us and loopback
    )


class Door:
    """Posts to the gateway until it answers; a refusal that waiting cannot change is raised."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def post(self, path: str, body: Mapping[str, object], *, key: str | None = None) -> httpx.Response:
        """Post one document; `key` is its Idempotency-Key.

        Raises:
            Refused: any answer of 400 and above that waiting cannot change.
        """
        pause = 0.5
        while True:
            wait = pause
            try:
                response = await self._http.post(path, json=body, headers={"Idempotency-Key": key} if key else {})
            except httpx.TransportError as error:
                log.info("the gateway does not answer yet", action="sample_waits", reason=type(error).__name__)
            else:
                if response.is_success:
                    return response
                told = retry_after(response)
                # Also a 409 says when to come back, if the request of the same key is still under way.
                if response.status_code not in BUSY and told is None:
                    raise Refused(f"{path}: HTTP {response.status_code}, {_title(response)}")
                wait = pause if told is None else told
                log.info("the gateway is busy", action="sample_waits", status=response.status_code, seconds=wait)
            await asyncio.sleep(min(wait, PATIENCE_SECONDS))
            pause = min(pause * 2, PATIENCE_SECONDS)


def _title(response: httpx.Response) -> str:
    """The problem's title (RFC 9457), or the start of the text."""
    if "json" in response.headers.get("Content-Type", ""):
        problem = response.json()
        if isinstance(problem, dict):
            return str(problem.get("detail") or problem.get("title") or problem)[:300]
    return response.text[:300]
