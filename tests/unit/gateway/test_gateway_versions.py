"""Two versions side by side, seen and changed in the control room: figures, shares, the way back, the record."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.control_room.engine_log import EngineLog
from tests.unit.control_room.town import live, settle
from tests.unit.gateway.helpers import Board, Client, client_of
from workers.control_room.following import Follower
from workers.control_room.rendering import duration, percent
from workers.gateway import routes_control_versions
from workers.gateway.app import create_app
from workers.runtime.database import Pool
from workers.settings import Gateway, Settings

TOKEN = "a-token-of-some-length"
ADDRESS = "/control/processes/lead_routing/versions"
DIAGRAM = Path("bpmn/lead_routing.bpmn").read_text()


@pytest.fixture
async def client(pool: Pool, board: Board, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Signed in, where version 1 of lead routing has done some work and version 2 is new."""
    log = EngineLog(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6))
    await settle(pool)
    await live(pool, log, leads=10, diagram=DIAGRAM)
    log.now = datetime.now(UTC) - timedelta(hours=2)
    await live(pool, log, leads=30, first=10, diagram=DIAGRAM)
    await Follower(pool, log).catch_up()

    async def engine_version(_settings: Settings) -> str:
        return "8.6.0"

    monkeypatch.setattr(routes_control_versions, "_engine_version", engine_version)
    settings = Settings(gateway=Gateway.model_validate({"api_tokens": [TOKEN], "rate_per_second": 10_000}))
    async with client_of(create_app(settings, pool, board)) as opened:
        await opened.post("/control/sign-in", data={"token": TOKEN, "next": "/control"})
        yield opened


async def change(client: Client, how: str, **fields: str) -> tuple[int, str]:
    """Send the form of the page; its status, and what it says."""
    page = (await client.get(ADDRESS)).text
    (word,) = re.findall(r'name="word" value="([0-9a-f]+)"', page)
    answer = await client.post(ADDRESS, data={"word": word, "how": how, "why": "half of them first"} | fields)
    (said,) = re.findall(r'<p class="alert[^>]*>(.*?)</p>', answer.text)
    return answer.status_code, said


async def test_both_versions_are_seen_and_shares_changed_with_a_reason(client: Client, pool: Pool) -> None:
    page = await client.get(ADDRESS)
    assert "All new instances have the newest version, 2." in page.text
    status, said = await change(client, "share", share="12.5", by="Ana")
    assert (status, said) == (
        200,
        "12.5 % of new instances of lead_routing have version 2, the others 1. It holds within a second.",
    )
    async with pool.connection() as connection:
        # As if there had been two since before these leads came.
        await connection.execute("UPDATE runtime.version_splits SET since = now() - interval '1 day'")
        query = """
            SELECT p.version, count(*) AS started, percentile_cont(0.5) WITHIN GROUP (ORDER BY
                   extract(epoch FROM i.ended_at - i.started_at)::float8) FILTER (WHERE i.completed) AS p50,
                   avg((l.sla_breaches = 0)::int) FILTER (WHERE l.accepted_at IS NOT NULL OR l.sla_breaches > 0)::float8 AS met
            FROM control.instances i JOIN control.processes p ON p.key = i.process_key
            JOIN routing.leads l ON l.process_instance_key = i.key GROUP BY 1 ORDER BY 1
        """
        rows = await (await connection.execute(query)).fetchall()
    overview = (await client.get("/control/processes")).text
    for text in (overview, (await client.get(ADDRESS)).text):
        table = text[text.index("side by side") :]
        shown = re.findall(r'<td class="right nowrap">([\d.]+ %)</td><td class="right">(\d+)</td>', table)[:2]
        assert shown == [("87.5 %", str(rows[0]["started"])), ("12.5 %", str(rows[1]["started"]))]
        for row in rows:
            assert f'{duration(row["p50"])}</td><td class="right nowrap">{percent(row["met"])}</td>' in table
    assert f'href="{ADDRESS}?' in overview

    assert (await change(client, "share", share="50"))[1].startswith("50 % of new instances")
    assert (await change(client, "rollback"))[1].startswith("All new instances of lead_routing have version 1; 2 gets")
    assert (await change(client, "promote"))[1].startswith("All new instances of lead_routing have the newest version")
    assert (await change(client, "hold"))[1].startswith("New instances of lead_routing stay with version 2 when")
    async with pool.connection() as connection:
        rows = await (await connection.execute("SELECT * FROM runtime.audit ORDER BY id")).fetchall()
    assert [(row["action"], row["before"].get("share"), row["after"].get("share")) for row in rows] == [
        ("version.share", None, 0.125),
        ("version.share", 0.125, 0.5),
        ("version.rollback", 0.5, 0.0),
        ("version.promote", 0.0, None),
        ("version.hold", None, 0.0),
    ]
    assert re.fullmatch(r"Ana \(api token [0-9a-f]{8}\)", rows[0]["actor"])
    assert "half of them first" in (await client.get(ADDRESS)).text


@pytest.mark.parametrize(
    ("how", "fields", "said"),
    [
        ("share", {"share": "101"}, "from 0 to 100"),
        ("share", {"share": "many"}, "from 0 to 100"),
        ("share", {"share": "nan"}, "from 0 to 100"),
        ("share", {"share": "10", "why": ""}, "Say why"),
        ("promote", {}, "have the newest version already"),
        ("burn", {}, "Choose what to do"),
    ],
)
async def test_what_is_not_wholly_asked_for_changes_nothing(
    client: Client, pool: Pool, how: str, fields: dict[str, str], said: str
) -> None:
    status, text = await change(client, how, **fields)
    assert status == 422
    assert said in text
    async with pool.connection() as connection:
        assert not await (await connection.execute("SELECT FROM runtime.version_splits")).fetchall()
        assert not await (await connection.execute("SELECT FROM runtime.audit")).fetchall()


async def test_a_foreign_form_and_an_unknown_process_get_nothing(client: Client) -> None:
    assert (await client.post(ADDRESS, data={"word": "0" * 64, "how": "hold", "why": "x"})).status_code == 403
    assert (await client.get("/control/processes/nothing/versions")).status_code == 404
