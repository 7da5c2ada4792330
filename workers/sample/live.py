"""The live summary: what happens to leads, read from the database once a second."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from workers.runtime.database import Pool, open_pool, reason
from workers.settings import Settings

T = TypeVar("T")

WINDOW = dt.timedelta(hours=24)
"""Leads received longer ago are not shown."""
RECENT = dt.timedelta(minutes=15)
"""The span over which latencies are taken."""
AT_RISK = 0.25
"""A lead is at risk when less than this part of its time to answer is left."""
LINE_SECONDS = 10.0
HUMAN_TASKS = {
    "invalid": "correct lead",
    "triage": "triage lead",
    "assigned": "accept lead",
    "manager": "manager decision",
}
"""Where a lead in such a state waits for a person."""


@dataclass(frozen=True, slots=True)
class LastLead:
    """A line about one lead."""

    state_at: dt.datetime
    lead_id: str
    company: str
    country: str
    state: str
    band: str
    owner: str

    def text(self) -> str:
        """One line for people."""
        told = [self.company or "unknown company", self.country, self.band]
        to = f" → {self.owner}" if self.owner else ""
        return f"{self.state_at:%H:%M:%S} {self.lead_id[-8:]}  {self.state}{to}  ({', '.join(filter(None, told))})"


@dataclass(frozen=True, slots=True)
class Summary:
    """What is going on."""

    received: int
    received_last_minute: int
    in_progress: int
    """Received, not yet decided by anybody."""
    assigned: int
    """Leads that had an owner at some time."""
    accepted: int
    queued: int
    duplicates: int
    discarded: int
    withdrawn: int
    waiting: dict[str, int]
    """Human task → leads that wait there."""
    sla_met: int
    """Leads that were accepted: always in time, because the time limit takes a lead away from who does not answer."""
    sla_at_risk: int
    sla_breached: int
    """Owners' time limits that passed."""
    p50_seconds: float | None
    """From received to the first owner, of leads assigned without a person in the last quarter of an hour."""
    p95_seconds: float | None
    last: list[LastLead]


async def summarise(connection: AsyncConnection[DictRow], now: dt.datetime) -> Summary:
    """Read the summary at `now`."""
    cursor = await connection.execute(
        """SELECT count(*) AS received,
            count(*) FILTER (WHERE received_at > %(now)s - interval '1 minute') AS received_last_minute,
            count(first_assigned_at) AS assigned,
            count(accepted_at) AS sla_met,
            count(*) FILTER (WHERE state = 'assigned' AND sla_due_at > %(now)s
                AND sla_due_at - %(now)s < %(at_risk)s * (sla_due_at - assigned_at)) AS sla_at_risk,
            coalesce(sum(sla_breaches), 0) AS sla_breached
        FROM routing.leads WHERE received_at > %(since)s AND received_at <= %(now)s""",
        {"now": now, "since": now - WINDOW, "at_risk": AT_RISK},
    )
    totals = await cursor.fetchone()
    assert totals is not None
    cursor = await connection.execute(
        "SELECT state, count(*) AS leads FROM routing.leads WHERE received_at > %s AND received_at <= %s GROUP BY state",
        (now - WINDOW, now),
    )
    states = {row["state"]: int(row["leads"]) for row in await cursor.fetchall()}
    cursor = await connection.execute(
        """SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
            ORDER BY extract(epoch FROM first_assigned_at - received_at)::float8) AS seconds
        FROM routing.leads
        WHERE received_at > %s AND received_at <= %s AND first_assigned_at IS NOT NULL
            AND coalesce((routing ->> 'auto')::boolean, true)""",
        (now - RECENT, now),
    )
    latencies = await cursor.fetchone()
    p50, p95 = (latencies or {}).get("seconds") or (None, None)
    cursor = await connection.execute(
        """SELECT l.state_at, l.lead_id, l.state, coalesce(l.lead ->> 'company', l.raw ->> 'company', '') AS company,
            coalesce(l.lead ->> 'country', l.raw ->> 'country', '') AS country,
            coalesce(l.score ->> 'band', '') AS band, coalesce(r.name, '') AS owner
        FROM routing.leads l LEFT JOIN routing.reps r ON r.id = l.owner_id
        WHERE l.received_at > %s AND l.received_at <= %s ORDER BY l.state_at DESC, l.lead_id LIMIT 5""",
        (now - WINDOW, now),
    )
    last = [LastLead(**row) for row in await cursor.fetchall()]
    return Summary(
        received=totals["received"],
        received_last_minute=totals["received_last_minute"],
        in_progress=states.get("received", 0) + states.get("registered", 0),
        assigned=totals["assigned"],
        accepted=states.get("accepted", 0),
        queued=states.get("queued", 0),
        duplicates=states.get("merged", 0),
        discarded=states.get("discarded", 0),
        withdrawn=states.get("withdrawn", 0),
        waiting={task: states.get(state, 0) for state, task in HUMAN_TASKS.items()},
        sla_met=totals["sla_met"],
        sla_at_risk=totals["sla_at_risk"],
        sla_breached=int(totals["sla_breached"]),
        p50_seconds=p50,
        p95_seconds=p95,
        last=last,
    )


def line(summary: Summary) -> str:
    """The summary in one line, for logs and plain terminals."""
    waiting = ", ".join(f"{count} {task}" for task, count in summary.waiting.items() if count) or "nobody"
    return (
        f"leads {summary.received} (+{summary.received_last_minute}/min) · assigned {summary.assigned} · "
        f"accepted {summary.accepted} · duplicates {summary.duplicates} · queued {summary.queued} · "
        f"waiting for people: {waiting} · SLA met {summary.sla_met}, at risk {summary.sla_at_risk}, "
        f"breached {summary.sla_breached} · received → assigned p50 {seconds(summary.p50_seconds)}, "
        f"p95 {seconds(summary.p95_seconds)}"
    )


def seconds(value: float | None) -> str:
    """A latency for people: milliseconds below one second, a dash if there is none."""
    if value is None:
        return "–"  # noqa: RUF001 - a dash, as in any table
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def panel(summary: Summary) -> Panel:
    """The summary for a terminal."""
    flow = Table.grid(padding=(0, 3))
    flow.add_row("received", f"[bold]{summary.received}[/]  +{summary.received_last_minute}/min")
    flow.add_row("on the way", str(summary.in_progress))
    flow.add_row("assigned", f"[bold green]{summary.assigned}[/]  accepted {summary.accepted}")
    flow.add_row("queued for a rep", str(summary.queued))
    flow.add_row("duplicates merged", str(summary.duplicates))
    flow.add_row("discarded / withdrawn", f"{summary.discarded} / {summary.withdrawn}")
    people = Table.grid(padding=(0, 3))
    for task, count in summary.waiting.items():
        people.add_row(f"waiting: {task}", f"[bold yellow]{count}[/]" if count else "0")
    people.add_row("SLA met", f"[green]{summary.sla_met}[/]")
    people.add_row("SLA at risk / breached", f"[yellow]{summary.sla_at_risk}[/] / [red]{summary.sla_breached}[/]")
    people.add_row(
        "received → assigned", f"p50 {seconds(summary.p50_seconds)}, p95 {seconds(summary.p95_seconds)} (15 min)"
    )
    columns = Table.grid(padding=(0, 6))
    columns.add_row(flow, people)
    last = Text("\n".join(lead.text() for lead in summary.last) or "no lead yet", no_wrap=True, overflow="ellipsis")
    return Panel(Group(columns, Text(), last), title="Fairlead, last 24 hours", title_align="left", expand=False)


async def follow(settings: Settings, console: Console | None = None) -> None:
    """Show the summary until cancelled: each second in a terminal, as a line each ten seconds elsewhere.

    A database that does not answer is said and asked again.
    """
    console = console or Console()
    # What it has to say stands in the summary, which lines of its own would tear.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    pool = await open_pool(settings.dsn, min_size=1, max_size=2)
    try:
        if not console.is_terminal:
            while True:
                console.print(await _look(pool, line), soft_wrap=True, highlight=False)
                await asyncio.sleep(LINE_SECONDS)
        with Live(console=console, auto_refresh=False) as live:
            while True:
                live.update(await _look(pool, panel), refresh=True)
                await asyncio.sleep(1)
    finally:
        await pool.close()


async def _look(pool: Pool, show: Callable[[Summary], T]) -> T | str:
    try:
        async with pool.connection() as connection:
            return show(await summarise(connection, dt.datetime.now(dt.UTC)))
    except psycopg.OperationalError as error:
        return f"The database does not answer ({reason(error)}); asking again."
