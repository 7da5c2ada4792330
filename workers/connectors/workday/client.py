"""Workday's custom reports as a web service: one request each, whose answer is the whole report."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import httpx

from workers.connectors.answers import Answer, SystemDown, SystemRefused
from workers.connectors.line import Line
from workers.connectors.workday import answers
from workers.connectors.workday.login import Login
from workers.connectors.workday.rows import Row, Rows
from workers.runtime.outside_http import retry_after

SHOWN_BYTES = 20_000
"""So much of an answer is read that is no report."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it came."""

    name: str
    """``owner/report``."""
    rows: tuple[Row, ...]
    columns: frozenset[str]
    """All that any row had, also those that nobody wanted."""
    size: int
    """In bytes, unpacked."""
    seconds: float


class Reports(Protocol):
    """Who gives reports; `WorkdayClient` does."""

    async def report(self, name: str, prompts: Mapping[str, str], wanted: Collection[str]) -> Report:
        """See `WorkdayClient.report`."""
        ...


class WorkdayClient:
    """Asks one tenant; no report takes longer than `seconds`, logging in included, or is larger than `most_bytes`."""

    def __init__(
        self,
        base_url: str,
        tenant: str,
        login: Login,
        transport: httpx.AsyncBaseTransport,
        *,
        seconds: float,
        most_bytes: int,
    ) -> None:
        self._line = Line("Workday", base_url, transport, seconds=seconds)
        self._tenant = tenant
        self._login = login
        self._most_bytes = most_bytes

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    async def report(self, name: str, prompts: Mapping[str, str], wanted: Collection[str]) -> Report:
        """Run a report (``owner/report``) and keep the columns that are wanted.

        Raises:
            SystemDown: no usable answer, or not all of it in time.
            SystemPause: the log-in is refused, or too much is asked.
            SystemRefused: the report can't be run so, or is too large.
            AddressRefused: of the transport.
        """
        began = time.monotonic()
        try:
            async with self._line.within():
                return await self._report(name, prompts, Rows(name, wanted), began)
        except SystemDown as error:
            if isinstance(error.__cause__, TimeoutError | httpx.TimeoutException):
                raise SystemDown(
                    f"Workday had not sent all of the report {name} after {self._line.seconds:g} s. If that is its usual time, "
                    "narrow it by prompts, or raise FAIRLEAD_WORKDAY__SECONDS."
                ) from error
            raise

    async def _report(self, name: str, prompts: Mapping[str, str], rows: Rows, began: float) -> Report:
        session = await self._login.session(self._line)
        size = await self._read(name, prompts, rows, session)
        if size is None:
            session = await self._login.session(self._line, instead_of=session)
            size = await self._read(name, prompts, rows, session)
        if size is None:
            raise answers.refused_log_in()
        return Report(name, tuple(rows.found), frozenset(rows.columns), size, time.monotonic() - began)

    async def _read(self, name: str, prompts: Mapping[str, str], rows: Rows, session: str) -> int | None:
        """Read the answer into `rows`; its size, or None: the log-in was refused, and another one may do."""
        owner, _, report = name.partition("/")
        path = "/".join(quote(part, safe="") for part in (self._tenant, owner, report.replace(" ", "_")))
        asked = self._line.opened(
            "GET",
            f"/ccx/service/customreport2/{path}",
            headers={"Authorization": session, "Accept": "application/json"},
            params={**prompts, "format": "json"},
        )
        async with asked as response:
            if response.status_code == 401 and self._login.renews:
                return None
            if response.status_code != 200:
                raise answers.failure(await _told(response), name)
            if "html" in response.headers.get("content-type", ""):
                raise answers.web_page(await _told(response))
            size = 0
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > self._most_bytes:
                    raise SystemRefused(
                        f"Workday's report {name} has more than {self._most_bytes:,} bytes. Narrow it by prompts and columns, or "
                        "raise FAIRLEAD_WORKDAY__MAX_BYTES."
                    )
                if not rows.begun and piece.lstrip()[:1] == b"<":  # a page, whatever its header says
                    raise answers.web_page(Answer(200, response.headers, b""))
                rows.feed(piece)
            rows.end()
            return size


async def _told(response: httpx.Response) -> Answer:
    """An answer that is no report, of which not more is read than is looked at."""
    read = bytearray()
    async for piece in response.aiter_bytes():
        read += piece
        if len(read) > SHOWN_BYTES:
            break
    return Answer(response.status_code, response.headers, bytes(read), retry_after(response))
