"""What if over HTTP and by the page; the replay itself is in tests/unit/what_if."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.unit.gateway.helpers import Board, Client, client_of
from workers.bench.what_if import Json, fill
from workers.gateway import routes_what_if
from workers.gateway.app import create_app
from workers.runtime.database import Pool
from workers.settings import Settings
from workers.what_if.answer import WhatIf
from workers.what_if.errors import Unfinished

TABLE = Path("dmn/lead_routing_rules.dmn").read_text()
CHANGED = TABLE.replace("<text>&gt;= 100</text>", "<text>&gt;= 50</text>")
LEADS = 30


async def undecided(_variables: Json) -> Json:
    return {"territory": "dach"}


async def test_a_table_is_replayed_and_a_wrong_one_refused(pool: Pool, dsn: str) -> None:
    await fill(pool, LEADS, 5, undecided)
    async with client_of(create_app(Settings(database_url=SecretStr(dsn)), pool, Board())) as client:
        answer = await client.post("/v1/whatif", json={"table": CHANGED, "last": LEADS, "cases": 1})
        assert answer.status_code == 200, answer.text
        found = WhatIf.model_validate(answer.json())
        assert found.leads == LEADS
        assert found.changed >= len(found.cases) == 1
        refused = await client.post("/v1/whatif", json={"table": "<hello"})
        assert refused.status_code == 422
        assert refused.json()["type"] == "urn:problem-type:fairlead:table-refused"
        assert "engine refuses" in refused.json()["detail"]
        assert (await client.post("/v1/whatif", json={"table": CHANGED, "last": 0})).status_code == 422

        page = (await client.get("/control/what-if")).text
        word = re.search(r'name="word" value="([0-9a-f]+)"', page)
        assert word is not None
        asked = {"word": word[1], "table": CHANGED, "last": LEADS}
        shown = await client.post("/control/what-if", json=asked)
        assert shown.status_code == 200
        assert "small_business → mid_market" in shown.text
        assert "Employees &gt;= 50" in shown.text, "what a table says stays text"
        assert (await client.post("/control/what-if", json=asked | {"word": "00"})).status_code == 403
        wrong = await client.post("/control/what-if", json=asked | {"table": "<script>alert(1)</script>"})
        assert wrong.status_code == 422
        assert "<script>alert" not in wrong.text


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
