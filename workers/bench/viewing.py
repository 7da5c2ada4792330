"""People who have pages of the control room open: `python -m workers.bench.viewing URL VIEWERS`, until it is terminated.

Each holds the stream of events and loads its page again as `live.js` does: when told, at most once a second, and each half a
minute. They run at a lower priority, because browsers are on other machines: what counts is what they cost the server. Says
``here`` once all streams are open, and at the end what they saw, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import httpx

from workers.bench.figures import percentile
from workers.bench.serving import stop

PAGES = ("/control", "/control?period=7d", "/control", "/control/processes", "/control/operations")
"""In turn: two in five look at Today of 24 hours."""
NICE = 5
"""A third of the processor that a program of ours gets when there is not enough for both: less, and they would see nothing."""
PAUSE, AGAIN = 1.0, 30.0
"""Seconds between two looks at least, and at most, as in `live.js`."""


class NotWatched(Exception):
    """The viewers' process ended before it was asked to."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What viewers saw."""

    seconds: float
    told: int
    """Times that a stream said that something had changed."""
    pages: int
    """Loaded again."""
    p95: float
    """Seconds for a page, at the viewers' lower priority."""


@dataclass
class _Seen:
    told: int = 0
    took: list[float] = field(default_factory=list)


@contextlib.contextmanager
def viewing(url: str, viewers: int) -> Iterator[list[Watched]]:
    """So many viewers while the block runs; what they saw is in the list after it.

    Raises:
        NotWatched: they could not open their streams, or a page was refused.
    """
    found: list[Watched] = []
    arguments = [sys.executable, "-m", "workers.bench.viewing", url, str(viewers)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None  # it was asked for
    try:
        if process.stdout.readline() != b"here\n":
            raise NotWatched("The viewers could not open their pages; what they said is above.")
        yield found
        process.terminate()
        said = process.stdout.read()
        if process.wait():
            raise NotWatched("The viewers went away while it was measured; what they said is above.")
        found.append(Watched(**json.loads(said)))
    finally:
        stop([process])


async def watch(url: str, viewers: int) -> Watched:
    """Watch until the process is asked to end.

    Raises:
        httpx.HTTPError: the gateway went away, or refused a page.
    """
    loop, ended, seen = asyncio.get_running_loop(), asyncio.Event(), _Seen()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False) as http:
        here = asyncio.Semaphore(0)
        all_viewers = [
            asyncio.create_task(_viewer(http, PAGES[one % len(PAGES)], here, seen)) for one in range(viewers)
        ]
        waits = [asyncio.create_task(ended.wait()), asyncio.create_task(_all_here(here, viewers))]
        await asyncio.wait([*all_viewers, *waits], return_when=asyncio.FIRST_COMPLETED)
        began = time.monotonic()
        await asyncio.wait([*all_viewers, waits[0]], return_when=asyncio.FIRST_COMPLETED)
        for one in (*all_viewers, *waits):
            one.cancel()
        results = await asyncio.gather(*all_viewers, *waits, return_exceptions=True)
    for result in results:
        if isinstance(result, httpx.HTTPError):
            raise result
    return Watched(
        time.monotonic() - began, seen.told, len(seen.took), percentile(sorted(seen.took), 0.95) if seen.took else 0.0
    )


async def _all_here(here: asyncio.Semaphore, viewers: int) -> None:
    for _ in range(viewers):
        await here.acquire()
    print("here", flush=True)  # noqa: T201 - it is read by who started us


async def _viewer(http: httpx.AsyncClient, page: str, here: asyncio.Semaphore, seen: _Seen) -> None:
    changed = asyncio.Event()
    looking = asyncio.create_task(_look(http, page, changed, seen))
    try:
        async with http.stream("GET", "/control/events", timeout=None) as stream:
            stream.raise_for_status()
            here.release()
            async for line in stream.aiter_lines():
                if looking.done():
                    break
                if line == "event: changed":
                    seen.told += 1
                    changed.set()
        await looking
    finally:
        looking.cancel()


async def _look(http: httpx.AsyncClient, page: str, changed: asyncio.Event, seen: _Seen) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), AGAIN)
        changed.clear()
        began = time.monotonic()
        (await http.get(page)).raise_for_status()
        seen.took.append(time.monotonic() - began)
        await asyncio.sleep(max(0.0, began + PAUSE - time.monotonic()))


def main() -> None:
    """Entry point of the process."""
    os.nice(NICE)
    url, viewers = sys.argv[1:]
    print(json.dumps(asdict(asyncio.run(watch(url, int(viewers))))))  # noqa: T201 - it is read by who started us


if __name__ == "__main__":
    main()
