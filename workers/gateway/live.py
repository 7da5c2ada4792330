"""Tells open pages that something has changed: one look at the database for all of them, however many there are, and no
oftener than the machine has room for (`pace`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog
from cachetools import LRUCache
from psycopg import OperationalError

from workers.gateway.pace import MOST_SECONDS, Pace
from workers.runtime.database import Pool

log = structlog.get_logger()

T = TypeVar("T")

LOOK_SECONDS = 0.5
"""Between looks while a page is open."""
BEAT_SECONDS = 15.0
"""A stream says something at least so often, so that nothing between us and the browser closes it."""
FRESH_SECONDS = 1.0
"""So long figures count for every page that asks for the same, if nothing else is said."""
GRACE = 10.0
"""What counts longer than that is given so many times longer still, while it is read again."""
KEPT = 256
"""So many different figures are kept."""
SLOW_SECONDS = 3.0
"""A change that had to wait longer is told with how long."""
SPREAD_SECONDS = 0.01
"""From one page to the next that is told, so that leads that come in meanwhile do not wait for all pages."""
VIEWERS = 200
"""Streams that may be open; the gateway's connections are for leads first."""

# Each part is one row of an index; whatever changes a page changes one of them.
_STAMP = """
    SELECT (SELECT max(id) FROM runtime.timeline) AS timeline,
           (SELECT sum(sequence) FROM control.cursors) AS records,
           (SELECT max(id) FROM runtime.audit) AS audit,
           (SELECT max(id) FROM runtime.dead_letters) AS letters,
           (SELECT greatest(predicted_at, attended_at) FROM prediction.state) AS predicted
"""


class TooManyViewers(Exception):
    """So many streams are open that no more are served."""


class Live:
    """One for each process."""

    def __init__(self, pool: Pool, pace: Pace) -> None:
        self._pool = pool
        self._pace = pace
        self._changed = asyncio.Condition()
        self._version = 0
        self._waited = 0
        self._viewers = 0
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events (WHATWG HTML, section 9.2): ``changed`` when something has, with the whole seconds for which that
        had to wait (0: not worth a word), else a comment now and then.

        Raises:
            TooManyViewers: as it says; before the first event.
        """
        if self._viewers >= VIEWERS:
            raise TooManyViewers
        place = self._viewers
        self._viewers += 1
        try:
            self._looking = self._looking or asyncio.create_task(self._look())
            seen = self._version
            yield "retry: 2000\n\n: here\n\n"
            while not self._closed:
                try:
                    async with asyncio.timeout(BEAT_SECONDS), self._changed:
                        await self._changed.wait_for(partial(self._later_than, seen))
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if self._version != seen:
                    await asyncio.sleep(SPREAD_SECONDS * place)
                    seen = self._version
                    yield f"event: changed\ndata: {self._waited}\n\n"
        finally:
            self._viewers -= 1
            if not self._viewers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def _later_than(self, seen: int) -> bool:
        return self._closed or self._version != seen

    async def close(self) -> None:
        """End all streams, so that the process can end."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def _look(self) -> None:
        before: object = None
        since: float | None = None  # when the first change was seen that nobody was told of
        while True:
            try:
                async with self._pool.connection() as connection:
                    now = await (await connection.execute(_STAMP)).fetchone()
            except OperationalError as error:  # the pages stay as they are until it is back
                log.debug("no look", action="live_no_look", kind=type(error).__name__)
            else:
                if before is not None and now != before and since is None:
                    since = time.monotonic()
                before = now
            if since is not None and self._pace.settle():
                waited, since = time.monotonic() - since, None
                self._waited = round(waited) if waited > SLOW_SECONDS else 0
                self._pace.told(self._viewers)
                async with self._changed:
                    self._version += 1
                    self._changed.notify_all()
            await asyncio.sleep(LOOK_SECONDS)


class Shared:
    """Figures that several pages ask for are read once, and are kept while they are fresh.

    Figures of a long time change little and cost much: what is stale, but was fresh a short time ago, is given at once and
    read again beside it. Where the machine is busy, all figures are read once only for each time that open pages are told.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._kept: LRUCache[Hashable, _Kept] = LRUCache(maxsize=KEPT)

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]], *, fresh: float | None = None) -> T:
        """What `read` gives, or gave less than about `fresh` seconds ago for the same key (None: since open pages were told of
        a change, and not long ago). Raises what it raises.
        """
        kept = self._kept.get(key)
        if kept is None or kept.failed or not self._good(kept, fresh):
            kept = self._kept[key] = self._begin(read)
        elif (
            fresh is not None and self._pace.now() - kept.asked_at > fresh and kept.answer.done() and kept.next is None
        ):
            kept.next = asyncio.create_task(self._again(key, kept, read))
        # Shielded: who goes away must not take the answer from the others.
        answer: T = await asyncio.shield(kept.answer)
        return answer

    def forget(self, key: Hashable) -> None:
        """What was kept is no longer true, as somebody has just changed it."""
        self._kept.pop(key, None)

    def _good(self, kept: _Kept, fresh: float | None) -> bool:
        age = self._pace.now() - kept.asked_at
        if fresh is not None:
            return age <= fresh * (1 + GRACE)
        if kept.asked_at < self._pace.told_at:
            return False
        return age <= FRESH_SECONDS or (age <= MOST_SECONDS and not self._pace.settle())

    def _begin(self, read: Callable[[], Awaitable[Any]]) -> _Kept:
        return _Kept(asyncio.ensure_future(self._timed(read)), self._pace.now())

    async def _timed(self, read: Callable[[], Awaitable[T]]) -> T:
        began = time.monotonic()
        try:
            return await read()
        finally:
            self._pace.spent(time.monotonic() - began)

    async def _again(self, key: Hashable, kept: _Kept, read: Callable[[], Awaitable[Any]]) -> None:
        newer = self._begin(read)
        await asyncio.wait([newer.answer])
        if not newer.failed and self._kept.get(key) is kept:
            self._kept[key] = newer


@dataclass(eq=False)
class _Kept:
    """An answer, or the wait for it."""

    answer: asyncio.Future[Any]
    asked_at: float
    """By the pace's clock."""
    next: asyncio.Task[None] | None = None
    """Reads it again."""

    @property
    def failed(self) -> bool:
        return self.answer.done() and (self.answer.cancelled() or self.answer.exception() is not None)
