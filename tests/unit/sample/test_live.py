"""The live summary's numbers on constructed rows, and its plain form."""

from __future__ import annotations

import asyncio
import datetime as dt
import io

import pytest
from psycopg.types.json import Jsonb
from rich.console import Console

from workers.runtime.database import Pool
from workers.sample.live import Summary, follow, line, panel, seconds, summarise
from workers.sample.loading import load
from workers.settings import Settings

NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
OWNER = "rep-dach-1"


class Heard(io.StringIO):
    """A file that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def flush(self) -> None:
        super().flush()
        if self.getvalue():
            self.written.set()


async def put(pool: Pool, lead_id: str, state: str, *, age: dt.timedelta, **columns: object) -> None:
    """Insert a lead received `age` before `NOW`."""
    values: dict[str, object] = {
        "lead_id": lead_id,
        "source": "web_form",
        "raw": Jsonb({"company": f"Company {lead_id}", "country": "DE"}),
        "state": state,
        "received_at": NOW - age,
        "state_at": NOW - age,
        **columns,
    }
    async with pool.connection() as connection:
        names = ", ".join(values)
        marks = ", ".join(f"%({name})s" for name in values)
        await connection.execute(f"INSERT INTO routing.leads ({names}) VALUES ({marks})".encode(), values)


async def read(pool: Pool) -> Summary:
    async with pool.connection() as connection:
        return await summarise(connection, NOW)


async def test_an_empty_database_has_no_latency(pool: Pool) -> None:
    summary = await read(pool)
    assert summary.received == 0
    assert summary.p50_seconds is None
    assert "nobody" in line(summary)


async def test_numbers(pool: Pool) -> None:
    await load(pool, 1, NOW.date())
    await put(pool, "new", "received", age=MINUTE / 2)
    await put(pool, "wrong", "invalid", age=2 * MINUTE)
    await put(pool, "hard", "triage", age=3 * MINUTE)
    await put(pool, "harder", "triage", age=3 * MINUTE)
    await put(pool, "hardest", "manager", age=4 * MINUTE)
    await put(pool, "twin", "merged", age=4 * MINUTE)
    await put(pool, "full", "queued", age=4 * MINUTE)
    await put(pool, "old", "accepted", age=dt.timedelta(days=2), first_assigned_at=NOW - dt.timedelta(hours=40))
    # Four assigned without a person after 1, 2, 3 and 4 s; one by a person, whose minutes must not count.
    for i in range(4):
        received = NOW - 10 * MINUTE
        assigned = received + dt.timedelta(seconds=i + 1)
        accepted = received + 5 * MINUTE if i < 2 else None
        await put(
            pool, f"auto-{i}", "accepted" if i < 2 else "assigned", age=10 * MINUTE, owner_id=OWNER,
            assigned_at=assigned, first_assigned_at=assigned, accepted_at=accepted, routing=Jsonb({"auto": True}),
            # 0: accepted; 1: accepted by the second owner; 2: one of 11 minutes is left; 3: 50 of 60 are left.
            sla_due_at=[None, None, NOW + MINUTE, NOW + 50 * MINUTE][i],
            sla_breaches=1 if i == 1 else 0,
        )  # fmt: skip
    await put(
        pool, "by-hand", "assigned", age=10 * MINUTE, owner_id=OWNER, assigned_at=NOW - MINUTE,
        first_assigned_at=NOW - MINUTE, routing=Jsonb({"auto": False}), sla_due_at=NOW + 30 * MINUTE, state_at=NOW,
        score=Jsonb({"band": "hot"}),
    )  # fmt: skip
    summary = await read(pool)
    assert (summary.received, summary.received_last_minute, summary.in_progress) == (12, 1, 1)
    assert (summary.assigned, summary.accepted, summary.queued, summary.duplicates) == (5, 2, 1, 1)
    assert summary.waiting == {"correct lead": 1, "triage lead": 2, "accept lead": 3, "manager decision": 1}
    assert (summary.sla_met, summary.sla_at_risk, summary.sla_breached) == (2, 1, 1)
    assert summary.p50_seconds == pytest.approx(2.5)
    assert summary.p95_seconds == pytest.approx(3.85)
    assert len(summary.last) == 5
    assert summary.last[0].lead_id == "by-hand"
    assert "assigned" in summary.last[0].text()
    assert "hot" in summary.last[0].text()
    told = line(summary)
    assert "2 triage lead" in told
    assert "p50 2.5 s" in told
    shown = io.StringIO()
    Console(file=shown, width=140).print(panel(summary))
    assert "waiting: triage lead" in shown.getvalue()
    assert "Company by-hand" in shown.getvalue()


async def test_without_a_terminal_it_prints_lines(pool: Pool, dsn: str) -> None:
    await put(pool, "new", "received", age=MINUTE)
    shown = Heard()
    follower = asyncio.create_task(follow(Settings(database_url=dsn), Console(file=shown)))
    try:
        async with asyncio.timeout(60):
            await shown.written.wait()
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    assert shown.getvalue().count("\n") == 1


def test_seconds_are_readable() -> None:
    assert [seconds(value) for value in (None, 0.034, 2.0)] == ["–", "34 ms", "2.0 s"]  # noqa: RUF001
