"""The way to a system over HTTP: one address, a time limit, answers that are not too large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from workers import __version__
from workers.connectors.answers import Answer, SystemDown
from workers.runtime.outside_http import retry_after

MOST_BYTES = 20_000_000
"""Of an answer."""


class Line:
    """To one system, which messages call by its `title`."""

    def __init__(self, title: str, base_url: str, transport: httpx.AsyncBaseTransport, *, seconds: float) -> None:
        self.title = title
        self.seconds = seconds
        self._http = httpx.AsyncClient(
            base_url=base_url,
            transport=transport,
            follow_redirects=False,
            timeout=httpx.Timeout(seconds),
            headers={"User-Agent": f"fairlead/{__version__}"},
            # The transport asks a judged address, under which a cookie would be filed instead of its host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def within(self) -> AsyncIterator[None]:
        """What is done inside takes no longer than `seconds`.

        Raises:
            SystemDown: it would, or the connection failed.
        """
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except (httpx.HTTPError, TimeoutError) as error:
            raise SystemDown(f"{self.title} did not answer ({type(error).__name__}); it is asked again.") from error

    @asynccontextmanager
    async def opened(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, Any] | None = None,
        content: bytes | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request, inside of `within`, and read the answer's content bit by bit: it may be larger than `send` takes."""
        sent: dict[str, Any] = {"params": params, "json": json, "data": data, "content": content}
        async with self._http.stream(method, path, headers=dict(headers), **sent) as response:
            yield response

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Send a request, inside of `within`. No cookies are kept: who needs them sends them, see `Answer.cookies`.

        `sink`: gets what a 200 brings as it comes, however much that is; the answer has no content then.

        Raises:
            SystemDown: the answer is larger than any could be.
        """
        asked = self.opened(method, path, headers=headers, params=params, json=json, data=data, content=content)
        async with asked as response:
            read = bytearray()
            async for part in response.aiter_bytes():
                if sink is not None and response.status_code == 200:
                    sink(part)
                    continue
                read += part
                if len(read) > MOST_BYTES:
                    raise SystemDown(f"{self.title}'s answer has more than {MOST_BYTES} bytes.")
        cookies = tuple(response.headers.get_list("set-cookie"))
        return Answer(response.status_code, response.headers, bytes(read), retry_after(response), cookies)
