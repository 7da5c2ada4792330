"""What if over HTTP and by the page; the replay itself is in tests/unit/what_if."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from pydantic import SecretStr

from tests.unit.gateway.helpers import Board, Client, client_of
from tests.unit.what_if.leads import LEADS, fill_past
from workers.gateway import routes_what_if
from workers.gateway.app import create_app
from workers.runtime.database import Pool
from workers.settings import Settings
from workers.what_if.answer import WhatIf
from workers.what_if.errors import Refused, Unfinished

TABLE = Path("dmn/lead_routing_rules.dmn").read_text()
CHANGED = TABLE.replace("<text>&gt;= 100</text>", "<text>&gt;= 50</text>")


async def test_a_table_is_replayed_over_http_and_shown_on_the_page(
    pool: Pool, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill_past(pool)
    async with client_of(create_app(Settings(database_url=SecretStr(dsn)), pool, Board())) as client:
        answer = await client.post("/v1/whatif", json={"table": CHANGED, "last": LEADS, "cases": LEADS})
        assert answer.status_code == 200, answer.text
        found = WhatIf.model_validate(answer.json())
        assert found.leads == LEADS
        assert found.changed == len(found.cases) > 1
        assert (await client.post("/v1/whatif", json={"table": CHANGED, "last": 0})).status_code == 422

        asked = {"word": await _word(client), "table": CHANGED, "last": LEADS}
        assert (await client.post("/control/what-if", json=asked | {"word": "00"})).status_code == 403
        monkeypatch.setattr(routes_what_if, "ask", AsyncMock(return_value=found))  # the same once more takes seconds
        shown = await client.post("/control/what-if", json=asked)
        assert shown.status_code == 200
        assert "small_business → mid_market" in shown.text
        assert "Employees &gt;= 50" in shown.text, "what a table says stays text"


async def test_a_refused_table_is_a_problem_over_http_and_words_on_the_page(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes_what_if, "ask", AsyncMock(side_effect=Refused("No table: <script>alert(1)</script>")))
    refused = await client.post("/v1/whatif", json={"table": "<hello"})
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:problem-type:fairlead:table-refused"
    assert refused.json()["detail"].startswith("No table: ")
    wrong = await client.post("/control/what-if", json={"word": await _word(client), "table": "<hello", "last": 1})
    assert wrong.status_code == 422
    assert "No table: &lt;script&gt;" in wrong.text
    assert "<script>alert" not in wrong.text


async def _word(client: Client) -> str:
    page = (await client.get("/control/what-if")).text
    word = re.search(r'name="word" value="([0-9a-f]+)"', page)
    assert word is not None
    return word[1]


async def test_one_replay_runs_at_a_time_and_an_unfinished_one_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    second: list[int] = []

    async def ask(*_: object, **__: object) -> WhatIf:
        if not second:
            second.append(0)
            second.append((await client.post("/v1/whatif", json={"table": CHANGED})).status_code)
        raise Unfinished("It needs a JRE.")

    monkeypatch.setattr(routes_what_if, "ask", ask)
    first = await client.post("/v1/whatif", json={"table": CHANGED})
    assert first.status_code == second[1] == 503
    assert first.json()["type"].endswith("replay-unfinished")
    assert first.json()["detail"] == "It needs a JRE."
    assert int(first.headers["retry-after"]) > 0
