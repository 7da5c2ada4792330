"""How long the control room's pages take at the server over a large read model and a large organisation, how soon a browser
can use them, and how soon a lead is seen.

A PostgreSQL and a gateway of the benchmark's own; what the engine would have told is put into the tables at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psycopg

from workers.bench.control_room_browser import usable
from workers.bench.control_room_cases import fill
from workers.bench.control_room_field import ALIGNMENT, REVIEW
from workers.bench.control_room_planning import VERSIONS, fill_planning
from workers.bench.figures import percentile
from workers.bench.own_stack import own_place
from workers.bench.serving import start, stop
from workers.control_room.lead_days import LeadDays
from workers.engine import postgres
from workers.office.links import secret_of
from workers.runtime.database import open_pool, upgrade
from workers.runtime.deployment import read_models
from workers.settings import Settings

PAGES = (
    "/control",
    "/control?period=7d",
    "/control?period=30d",
    "/control?period=30d&team=team-1",
    "/control/leads/leads?period=30d",
    "/control/leads/accepted-2?period=30d",
    "/control/leads/at-risk",
    "/control/attention",
    "/control/tasks",
    "/control/kpis/speed_to_lead_p95?period=30d",
    "/control/kpis/cycle_time_p50?period=30d",
    "/control/processes?period=30d",
    "/control/processes/lead_routing",
    "/control/processes/lead_routing?period=30d&show=duration",
    "/control/processes/lead_routing?period=30d&show=sla",
    "/control/processes/lead_routing/instances?version=2&period=30d",
    "/control/processes/lead_routing/instances?version=2&period=30d&chosen=element&element=score_lead",
    "/control/processes/lead_routing/paths",
    "/control/processes/lead_routing/paths?period=30d",
    "/control/processes/lead_routing/instances?version=2&period=30d&chosen=variant&variant=0",
    "/control/processes/lead_routing/instances?version=2&period=30d&chosen=rework&element=accept_lead",
    "/control/processes/lead_routing/instances?version=2&period=30d&chosen=deviation",
    "/control/processes/lead_routing/versions",
    "/control/prediction",
    "/control/processes/lead_routing/compare?period=30d",
    "/control/processes/lead_routing/compare",
    "/control/instances/500",
    "/control/what-if",
    "/control/operations",
    "/control/forecasts",
    f"/control/forecasts/{VERSIONS[-1]}",
    f"/control/forecasts/{VERSIONS[-1]}?segment=state-1&months=2026-Q1",
    f"/control/forecasts/{VERSIONS[-1]}?segment=state-1/shop-04",
    "/control/quotas",
    f"/control/quotas/{REVIEW}",
    f"/control/quotas/{REVIEW}?node=T003",
    "/control/territories",
    f"/control/territories/{ALIGNMENT}",
    f"/control/territories/{ALIGNMENT}?region=R3",
)
TARGET_PAGE_SECONDS = 0.3
TARGET_USABLE_SECONDS = 1.0
TARGET_SEEN_SECONDS = 2.0
"""95 % of the leads are seen within."""
REPS, SERIES, ACCOUNTS = 2_000, 152, 20_000
"""Of the organisation that plans: five levels of quotas, bottom segments of its forecast, accounts of its territories."""
PAUSE = 1.0
"""Seconds: an open page looks again at most so often, as `live.js` does; and so long figures are shared."""
UP_SECONDS = 60.0


class NotUp(Exception):
    """The benchmark's own database or gateway did not start; the message holds what was said."""


@dataclass(frozen=True, slots=True)
class PageTimes:
    """One page: seconds until its answer was there, as a browser on this machine sees them."""

    page: str
    first: float
    """Nobody had asked since the gateway started: the median of all rounds."""
    p95: float
    """Of the asks after it, each when what is shared has become stale."""
    kilobytes: float
    usable: float | None = None
    """From going there until a browser shows it live, with its diagram; None: not measured."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured."""

    instances: int
    elements: int
    fill_seconds: float
    pages: tuple[PageTimes, ...]
    seen: tuple[float, ...]
    """Seconds from a lead's 202 until an open page has it."""

    @property
    def seen_p95(self) -> float:
        """The target's figure."""
        return percentile(sorted(self.seen), 0.95)

    @property
    def missed(self) -> list[str]:
        """Targets that were missed, in words."""
        slow = [
            f"{one.page}: {1000 * max(one.first, one.p95):.0f} ms"
            for one in self.pages
            if max(one.first, one.p95) > TARGET_PAGE_SECONDS
        ] + [
            f"{one.page}: usable after {1000 * one.usable:.0f} ms"
            for one in self.pages
            if one.usable is not None and one.usable > TARGET_USABLE_SECONDS
        ]
        late = [f"a lead is seen after {self.seen_p95:.1f} s"] if self.seen_p95 > TARGET_SEEN_SECONDS else []
        return slow + late


def bench(
    instances: int, rounds: int, asks: int, leads: int, say: Callable[[str], object], *, browser: bool = False
) -> Report:
    """Measure: in each round a gateway is started, and asked for each page once and then `asks` times; at last a browser goes
    through them all.

    Raises:
        NotUp: database or gateway did not start, or refused what it was asked.
        NotShown: the browser could not open a page.
        NothingToDeploy: the models are not where the settings say.
    """
    with own_place("fairlead-bench-", FAIRLEAD_GATEWAY__RATE_PER_SECOND="10000") as settings, database(settings):
        say(f"putting {instances:,} instances into the read model …")
        began = time.monotonic()
        with psycopg.connect(settings.dsn, autocommit=True) as connection:
            diagram = read_models(settings.models)["lead_routing.bpmn"].decode()
            elements = fill(connection, instances, diagram)
            fill_planning(connection, REPS, SERIES, ACCOUNTS, secret_of(settings))
        asyncio.run(_settle(settings))
        filled = time.monotonic() - began
        say(f"{elements:,} elements, after {filled:.0f} s; asking for the pages …")
        pages = asyncio.run(_pages(settings, rounds, asks, browser=browser))
        say("sending leads …")
        return Report(instances, elements, filled, pages, asyncio.run(_leads(settings, leads)))


async def _settle(settings: Settings) -> None:
    """What the read model's process does once days are over."""
    async with await open_pool(settings.dsn, max_size=1) as pool:
        await LeadDays(pool).catch_up()
        async with pool.connection() as connection:
            await connection.set_autocommit(True)
            await connection.execute("VACUUM ANALYZE")


async def _pages(settings: Settings, rounds: int, asks: int, *, browser: bool) -> tuple[PageTimes, ...]:
    first: dict[str, list[float]] = {page: [] for page in PAGES}
    again: dict[str, list[float]] = {page: [] for page in PAGES}
    size = {}
    seen: Mapping[str, float] = {}
    for number in range(rounds):
        async with _gateway(settings) as http:
            for page in PAGES:
                seconds, size[page] = await _ask(http, page)
                first[page].append(seconds)
            for _ in range(asks):
                await asyncio.sleep(PAUSE)
                for page in PAGES:
                    again[page].append((await _ask(http, page))[0])
            if browser and number == rounds - 1:
                seen = await usable(str(http.base_url).rstrip("/"), PAGES)
    return tuple(
        PageTimes(
            page, median(first[page]), percentile(sorted(again[page]), 0.95), size[page] / 1_000, seen.get(page)
        )
        for page in PAGES
    )  # fmt: skip


async def _leads(settings: Settings, number: int) -> tuple[float, ...]:
    """Send leads at times that nobody expects, and look as an open page does: when told, at most once a second."""
    posted: dict[str, float] = {}
    seen: dict[str, float] = {}
    all_seen = asyncio.Event()

    async def look(http: httpx.AsyncClient) -> None:
        last = -PAUSE
        async with http.stream("GET", "/control/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line == "event: changed":
                    await asyncio.sleep(max(0.0, last + PAUSE - time.monotonic()))
                    last = time.monotonic()
                    page = (await http.get("/control/leads/leads")).text
                    for name in posted.keys() - seen.keys():
                        if name in page:
                            seen[name] = time.monotonic()
                    if len(seen) == number:
                        all_seen.set()

    async with _gateway(settings) as http:
        looking = asyncio.create_task(look(http))
        for _ in range(number):
            await asyncio.sleep(0.2 + secrets.randbelow(2_000) / 1_000)
            name = f"Lead {secrets.token_hex(6)}"
            answer = await http.post("/v1/leads", json={"source": "web_form", "name": name, "country": "DE"})
            if answer.status_code != 202:
                raise NotUp(f"The gateway refused a lead: {answer.text}")
            posted[name] = time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(all_seen.wait(), UP_SECONDS)
        looking.cancel()
    # One that was never seen counts with the time it was waited for.
    return tuple(seen.get(name, time.monotonic()) - at for name, at in posted.items())


async def _ask(http: httpx.AsyncClient, page: str) -> tuple[float, int]:
    began = time.perf_counter()
    answer = await http.get(page)
    if answer.status_code != 200:
        raise NotUp(f"{page} answered {answer.status_code}: {answer.text[:500]}")
    return time.perf_counter() - began, len(answer.content)


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[None]:
    """A PostgreSQL with the newest schema, while it serves.

    Raises:
        NotUp: it did not start.
    """
    postgres.initialise(settings)
    log = settings.home / "postgres.log"
    with log.open("ab") as file:
        server = subprocess.Popen(postgres.command(settings), stdout=file, stderr=file)
    try:
        _until_up(lambda: postgres.create_database(settings.dsn), server, log)
        upgrade(settings.dsn)
        yield
    finally:
        stop([server])


def _until_up(ask: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + UP_SECONDS
    while True:
        try:
            ask()
        except (psycopg.OperationalError, httpx.TransportError, httpx.HTTPStatusError) as error:
            if process.poll() is not None or time.monotonic() > end:
                raise NotUp(f"{log.stem} did not start: {error}\n{log.read_text()[-1_000:]}") from None
            time.sleep(0.1)
        else:
            return


@contextlib.asynccontextmanager
async def _gateway(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that was just started, and a client for it."""
    log = settings.home / "gateway.log"
    with log.open("ab") as file:
        gateway = start(("workers", "gateway", "run"), file.fileno())
    try:
        url = f"http://127.0.0.1:{settings.ports.gateway}"
        _until_up(lambda: httpx.get(f"{url}/healthz", trust_env=False).raise_for_status(), gateway, log)
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
            yield http
    finally:
        stop([gateway])
