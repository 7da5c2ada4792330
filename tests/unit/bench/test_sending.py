"""The open loop keeps its times whatever the answers do, and what became of leads is read rightly."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping

import httpx
import pytest
from psycopg.types.json import Jsonb

from workers.bench.sending import Sent, open_loop, passages, poster, unsettled
from workers.runtime.database import Pool

T0 = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)


async def test_nobody_waits_for_a_slow_answer() -> None:
    everybody_sent = asyncio.Event()
    began: list[str] = []

    async def send(body: Mapping[str, object]) -> str:
        began.append(str(body["external_id"]))
        if len(began) == 20:
            everybody_sent.set()
        await everybody_sent.wait()  # the first answer comes only after the last lead was sent
        return "202"

    bodies = [{"external_id": f"bench-{i}"} for i in range(20)]
    sent = await open_loop(send, bodies, [i / 200 for i in range(20)])
    assert sent.answers == {"202": 20}
    assert list(sent.scheduled) == [body["external_id"] for body in bodies]
    gaps = [sent.scheduled[f"bench-{i}"] - sent.start for i in range(20)]
    assert gaps == pytest.approx([i / 200 for i in range(20)], abs=1e-5)


async def test_refusals_and_broken_connections_are_counted() -> None:
    def gateway(request: httpx.Request) -> httpx.Response:
        if b"broken" in request.content:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(429)

    async with httpx.AsyncClient(transport=httpx.MockTransport(gateway), base_url="http://gateway") as http:
        sent = await open_loop(poster(http), [{"external_id": "broken"}, {"external_id": "busy"}], [0, 0])
    assert sent.answers == {"ConnectError": 1, "429": 1}


async def test_what_became_of_leads(pool: Pool) -> None:
    second = dt.timedelta(seconds=1)
    async with pool.connection() as connection:
        for number, (state, assigned, auto) in enumerate(
            [("assigned", T0 + second, True), ("triage", None, False), ("registered", None, None),
             ("accepted", T0 + 90 * second, False)]
        ):  # fmt: skip
            await connection.execute(
                """INSERT INTO routing.leads (lead_id, source, external_id, raw, state, received_at, state_at,
                    first_assigned_at, routing) VALUES (%s, 'web_form', %s, '{}', %s, %s, %s, %s, %s)""",
                (
                    f"lead-{number}", f"bench-{number}", state, T0, T0 + 2 * second, assigned,
                    None if auto is None else Jsonb({"auto": auto}),
                ),
            )  # fmt: skip
    scheduled = T0.timestamp() - 0.1
    sent = Sent(start=scheduled, scheduled={f"bench-{i}": scheduled for i in range(5)})
    at = T0.timestamp()
    found = await passages(pool, "bench-", sent)
    assert [(one.received, one.assigned, one.settled) for one in found] == [
        (at, at + 1, at + 1),
        (at, None, at + 2),
        (at, None, None),
        (at, None, at + 90),
        (None, None, None),
    ]
    assert await unsettled(pool, "bench-") == 1
