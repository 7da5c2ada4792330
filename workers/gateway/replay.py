"""Feeds leads over HTTP at a steady rate. Safe to repeat: leads are known by their external ids."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from urllib.parse import urlsplit

import httpx

from workers.gateway.answers import BatchAnswer, Refused
from workers.gateway.guard import is_loopback
from workers.gateway.mapping import Row
from workers.gateway.problems import Problem
from workers.runtime.outside_http import retry_after

BATCH_SECONDS = 0.5
"""How much of the rate goes into one request: large enough to be cheap, small enough to be steady."""
OUTCOMES_AT_ONCE = 8
_LATER = {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE,
          HTTPStatus.GATEWAY_TIMEOUT}  # fmt: skip


class ReplayError(Exception):
    """The replay can't go on; what was sent stays sent, and a repeat recognises it."""


@dataclass(slots=True)
class Counts:
    """How far the replay is."""

    sent: int = 0
    accepted: int = 0
    """New leads."""
    duplicates: int = 0
    """Leads that were there before."""
    refused: int = 0
    outcomes: int = 0
    problems: list[str] = field(default_factory=list)
    """What was wrong with the first few refused leads."""


def client(url: str, token: str | None) -> httpx.AsyncClient:
    """A client of the gateway at `url`; a proxy of the environment is not asked for this machine itself."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    trust = not is_loopback(urlsplit(url).hostname or "")
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=trust)


class Replay:
    """One replay over an open client.

    `rate` is in new leads a second: leads that were there before are passed at full speed, so that an interrupted
    replay soon is where it was. `patience` is how many seconds the gateway may refuse or be away.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        rate: float,
        max_batch: int,
        patience: float = 300,
        progress: Callable[[Counts], None] = lambda _: None,
    ) -> None:
        self.counts = Counts()
        self._http = http
        self._rate = rate
        self._batch = max(1, min(max_batch, round(rate * BATCH_SECONDS)))
        self._patience = patience
        self._progress = progress
        self._known: list[tuple[str, bool]] = []

    async def leads(self, rows: Iterable[Row]) -> None:
        """Send the leads.

        Raises:
            ReplayError: the gateway refuses us, or was away for too long.
            MappingError: of `rows`.
        """
        due = time.monotonic()
        for batch in _batches(iter(rows), self._batch):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            new = await self._send(batch)
            # Time lost on a slow gateway is not made up for by a burst.
            due = max(due, time.monotonic() - BATCH_SECONDS) + new / self._rate
            self._progress(self.counts)

    async def outcomes(self) -> None:
        """Tell what became of the leads that were sent, where the file knows.

        Raises:
            ReplayError: as `leads`.
        """
        waiting = iter(self._known)

        async def tell() -> None:
            for lead_id, converted in waiting:
                answer = await self._post(f"/v1/leads/{lead_id}/outcome", {"converted": converted}, {})
                if answer.status_code != HTTPStatus.OK:
                    raise ReplayError(f"The outcome of {lead_id} was refused: {_said(answer)}")
                self.counts.outcomes += 1
                self._progress(self.counts)

        failed: ReplayError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(OUTCOMES_AT_ONCE):
                    group.create_task(tell())
        except* ReplayError as errors:
            failed = next(error for error in errors.exceptions if isinstance(error, ReplayError))
        if failed is not None:
            raise failed

    async def _send(self, batch: list[Row]) -> int:
        headers = {"Idempotency-Key": str(uuid.uuid4())}  # for this batch's own repeats
        answer = await self._post("/v1/leads", {"leads": [row.lead for row in batch]}, headers)
        if answer.status_code == HTTPStatus.ACCEPTED:
            results = BatchAnswer.model_validate_json(answer.content)
            for row, result in zip(batch, results.results, strict=True):
                self._count(row, result.problem if isinstance(result, Refused) else None)
                if not isinstance(result, Refused) and row.converted is not None:
                    self._known.append((result.lead_id, row.converted))
            new = results.accepted - results.duplicates
            self.counts.accepted += new
            self.counts.duplicates += results.duplicates
        elif answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and "results" in answer.json():
            new = 0
            for row, result in zip(batch, answer.json()["results"], strict=True):
                self._count(row, Refused.model_validate(result).problem)
        else:
            raise ReplayError(f"The gateway refused the batch: {_said(answer)}")
        self.counts.sent += len(batch)
        return new

    def _count(self, row: Row, problem: Problem | None) -> None:
        if problem is None:
            return
        self.counts.refused += 1
        if len(self.counts.problems) < 5:
            faults = "; ".join(f"{fault.pointer} {fault.detail}" for fault in problem.errors or ())
            self.counts.problems.append(f"row {row.number}: {faults or problem.detail}")

    async def _post(self, path: str, document: object, headers: Mapping[str, str]) -> httpx.Response:
        """Post, and again while the gateway says later or is away."""
        until = time.monotonic() + self._patience
        pause = 0.5
        while True:
            try:
                answer = await self._http.post(path, json=document, headers=headers)
                if answer.status_code not in _LATER:
                    return answer
                told = retry_after(answer)
                why, wait = _said(answer), pause if told is None else told
            except httpx.TransportError as error:
                why, wait = f"{type(error).__name__} {error}".strip(), pause
            if time.monotonic() + wait > until:
                raise ReplayError(
                    f"The gateway at {self._http.base_url} took nothing for {self._patience:.0f} s ({why}). "
                    "Run the same command again later: what was sent is recognised."
                )
            await asyncio.sleep(wait)
            pause = min(pause * 2, 15)


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def _said(answer: httpx.Response) -> str:
    if answer.headers.get("content-type") == "application/problem+json":
        return f"{answer.status_code}, {answer.json()['detail']}"
    return f"{answer.status_code} {answer.reason_phrase}"
