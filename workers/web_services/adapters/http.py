"""Requests by httpx, through the guard that keeps them out of our own network."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping

import httpx

from workers import __version__
from workers.runtime.errors import PermanentError, TransientError, plain
from workers.runtime.outside_http import asked
from workers.web_services.domain.request import Answer, Request, Secret, WrongRequest, headers_of

MOST_BYTES = 1_000_000
"""Of an answer: it becomes a variable of the process."""
_ENCODED = {"content-encoding", "content-length", "transfer-encoding"}
_PRIVATE = {"set-cookie", "www-authenticate", "proxy-authenticate"}
MASK = "***"


class HttpWeb:
    """Shared by all jobs of a process."""

    def __init__(self, transport: httpx.AsyncBaseTransport, secrets: Mapping[str, Secret]) -> None:
        self._secrets = secrets
        self._http = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            headers={"User-Agent": f"fairlead/{__version__}", "Accept": "application/json"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, request: Request, *, caught: frozenset[int]) -> Answer:
        """The answer, if it is a success or its status is `caught`.

        Raises:
            RateLimited: it said when to come back.
            TransientError: it is away, or may answer the next time. It may have done what it was asked.
            PermanentError: it refuses, the answer can't be a variable, or the request can't be made.
        """
        answer, used = await self.fetch(request, caught=caught)
        return Answer(answer.status_code, _told(answer), _body(answer.request.url.host, answer, used))

    async def fetch(self, request: Request, *, caught: frozenset[int]) -> tuple[httpx.Response, tuple[str, ...]]:
        """The answer as it came, and the secrets that were sent.

        Raises:
            RateLimited, TransientError, PermanentError: as `ask` does.
        """
        try:
            url = _address(request.url)
            headers, used = headers_of(request, url.host, self._secrets)
            made = self._made(request, url, headers)
        except WrongRequest as error:
            raise PermanentError(str(error)) from None
        except (httpx.InvalidURL, TypeError, ValueError):
            raise PermanentError(
                "The request can't be made: its address, query or body has no form that can be sent. Correct it on the "
                "diagram or the process instance, then retry this incident."
            ) from None
        return await asked(url.host, self._sent(made, request.seconds), handled=caught), used

    def _made(self, request: Request, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Request:
        sent = {"headers": dict(headers), "timeout": httpx.Timeout(request.seconds)}
        if request.query:
            url = url.copy_merge_params(dict(request.query))
        if request.body is None:
            return self._http.build_request(request.method, url, **sent)  # type: ignore[arg-type]
        if isinstance(request.body, str):
            return self._http.build_request(request.method, url, content=request.body, **sent)  # type: ignore[arg-type]
        return self._http.build_request(request.method, url, json=request.body, **sent)  # type: ignore[arg-type]

    async def _sent(self, request: httpx.Request, seconds: float) -> httpx.Response:
        """The answer, read within the time."""
        try:
            async with asyncio.timeout(seconds):
                answer = await self._http.send(request, stream=True)
                try:
                    content = bytearray()
                    async for part in answer.aiter_bytes():
                        content += part
                        if len(content) > MOST_BYTES:
                            raise PermanentError(
                                f"{request.url.host} answers with more than {MOST_BYTES:,} bytes, which can't be a "
                                "variable of a process. Ask for less, or for its address."
                            )
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time", request=request) from None
        headers = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in _ENCODED]
        return httpx.Response(answer.status_code, headers=headers, content=bytes(content), request=request)


def _address(text: str) -> httpx.URL:
    url = httpx.URL(text)
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise WrongRequest("The address has the form https://host/path, without user and password.")
    return url


def _told(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items() if name.lower() not in _PRIVATE | _ENCODED}


def _body(host: str, answer: httpx.Response, used: tuple[str, ...]) -> object:
    if not answer.content:
        return None
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (
        kind in {"", "application/json", "application/xml"}
        or kind.endswith(("+json", "+xml"))
        or kind.startswith("text/")
    ):
        raise PermanentError(
            f"{host} answers with {kind[:50]}, which can't be a variable of a process. Ask for JSON or text."
        )
    text = answer.text
    for secret in used:  # some answer with what they were sent
        text = text.replace(secret, MASK)
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return kept(json.loads(text))
        except (ValueError, OverflowError, RecursionError):
            raise TransientError(f"{host} answers with half a JSON, or none; it is asked again.") from None
    return plain(text)


def kept(value: object) -> object:
    """The value as database and engine keep it: without NUL and half characters, whole numbers of 64 bits at most.

    Raises:
        ValueError: a number is none.
    """
    match value:
        case str():
            return plain(value)
        case dict():
            return {plain(name): kept(one) for name, one in value.items()}
        case list():
            return [kept(one) for one in value]
        case bool():
            return value
        case int() if not -(2**63) <= value < 2**63:
            return float(value)
        case float() if not math.isfinite(value):
            raise ValueError
        case _:
            return value
