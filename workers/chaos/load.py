"""Leads, people and withdrawals while the stack is hurt, and the ledger of what those outside were told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

import psycopg

from workers.engine.errors import UnreachableError
from workers.runtime.database import open_pool
from workers.sample.board import camunda_board
from workers.sample.chance import seeded
from workers.sample.door import Door, Refused, client
from workers.sample.leads import LeadSource, poisson_arrivals
from workers.sample.organisation import accounts
from workers.sample.people import LOOK_SECONDS, BoardUnavailable, People
from workers.settings import Settings

WITHDRAWN_SHARE = 0.12
LONGEST_WAIT_SECONDS = 20.0
"""A lead that is withdrawn is withdrawn so soon after it was accepted, at most: at any point of its way."""
HASTE = timedelta(seconds=40)
"""People answer so much sooner than in the sample, so that a short run sees many rounds."""
UNDER_WAY = 50
"""Requests that wait for an answer at the same time, at most."""


@dataclass
class Book:
    """What those outside did and were told, kept in a file, so that a verdict can be had again later."""

    file: TextIO
    accepted: dict[str, str] = field(default_factory=dict)
    """Lead id → the sender's id, for each answer 202."""
    asked: set[str] = field(default_factory=set)
    """Sender's ids of all leads that were sent."""
    withdrawn: set[str] = field(default_factory=set)
    """Leads whose withdrawal was answered with 202."""
    refused: int = 0
    """Requests that were refused with a reason, for instance a withdrawal that came too late."""

    def note(self, what: str, **values: str) -> None:
        """Write an entry, for good."""
        self.file.write(json.dumps({"at": time.time(), "what": what, **values}) + "\n")
        self.file.flush()


class Load:
    """Feeds seeded leads and lets people work until it is told to stop."""

    def __init__(self, door: Door, people: People, book: Book, source: LeadSource, seed: int) -> None:
        self._door = door
        self._people = people
        self.book = book
        self._source = source
        self._seed = seed
        self._gate = asyncio.Semaphore(UNDER_WAY)
        self.answers = 0
        """Tasks that people have answered so far."""

    async def feed(self, rate_per_minute: float, seconds: float) -> None:
        """Send leads for so long, as a Poisson process; returns when each was answered."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as requests:
            for index, arrival in enumerate(poisson_arrivals(rate_per_minute, self._seed)):
                if arrival > seconds:
                    break
                await asyncio.sleep(max(0.0, began + arrival - time.monotonic()))
                requests.create_task(self._send(index))

    async def work(self) -> None:
        """Answer tasks and report outcomes until cancelled, whenever Camunda and the database answer."""
        while True:
            with contextlib.suppress(BoardUnavailable, UnreachableError, psycopg.OperationalError, Refused):
                self.answers += await self._people.answer_tasks(datetime.now(UTC) + HASTE)
                await self._people.report_outcomes(datetime.now(UTC) + HASTE)
            await asyncio.sleep(LOOK_SECONDS)

    async def unanswered(self) -> int:
        """How many leads wait for an answer that is due, or may soon.

        Raises:
            psycopg.OperationalError: the database does not answer.
        """
        return await self._people.unanswered(datetime.now(UTC) + HASTE)

    async def _send(self, index: int) -> None:
        external_id, body = self._source.external_id(index), self._source.lead(index).body
        async with self._gate:
            self.book.asked.add(external_id)
            self.book.note("asked", external_id=external_id)
            answer = await self._door.post("/v1/leads", body, key=external_id)
            lead_id = str(answer.json()["lead_id"])
            self.book.accepted[lead_id] = external_id
            self.book.note("accepted", lead_id=lead_id, external_id=external_id)
        chance = seeded(self._seed, index, "withdrawal")
        if chance.random() < WITHDRAWN_SHARE:
            await asyncio.sleep(chance.uniform(0.0, LONGEST_WAIT_SECONDS))
            await self._withdraw(lead_id)

    async def _withdraw(self, lead_id: str) -> None:
        try:
            await self._door.post(f"/v1/leads/{lead_id}/withdraw", {"why": "Bought elsewhere."})
        except Refused:  # it had come to an end before
            self.book.refused += 1
            return
        self.book.withdrawn.add(lead_id)
        self.book.note("withdrawn", lead_id=lead_id)


@contextlib.asynccontextmanager
async def open_load(settings: Settings, seed: int, ledger: Path) -> AsyncIterator[Load]:
    """What leads and people need, on ways of their own that nobody hurts."""
    source = LeadSource(seed, accounts(1), "chaos")
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    try:
        with ledger.open("a", encoding="utf-8") as file:
            async with client(settings, connections=UNDER_WAY + 10) as http, camunda_board(settings) as board:
                door = Door(http)
                people = People(board, pool, door, seed, source.prefix, left_alone=0)
                yield Load(door, people, Book(file), source, seed)
    finally:
        await pool.close()
