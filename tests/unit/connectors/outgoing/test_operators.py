"""An operator sees in the control room how those who are sent webhooks are doing, and sends again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.simulators.hooks import Hooks
from tests.unit.connectors.outgoing.conftest import happen, rows, subscribe
from tests.unit.connectors.outgoing.test_telling_webhooks import sending
from tests.unit.gateway.helpers import Board, Client, client_of
from tests.unit.runtime.demo.waiting import until
from workers.gateway import live
from workers.gateway.app import create_app
from workers.runtime.database import Pool
from workers.settings import Settings, WebhooksOut

PAGE = "/control/webhooks"


@pytest.fixture
def trying(settings: Settings) -> Settings:
    """An event is dead after its second try."""
    return settings.model_copy(update={"webhooks_out": WebhooksOut(trusted_hosts=["127.0.0.1"], seconds=2.0, tries=2)})


@pytest.fixture
async def operator(trying: Settings, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Whose pages show what is there now; others' actions may be seen somewhat later."""
    for most in ("FRESH_SECONDS", "MOST_SECONDS"):
        monkeypatch.setattr(live, most, 0.0)
    async with client_of(create_app(trying, pool, Board())) as client:
        yield client


async def do(operator: Client, **form: str) -> httpx.Response:
    page = (await operator.get(PAGE)).text
    word = re.search(r'name="word" value="([0-9a-f]+)"', page)
    assert word is not None
    sent = {
        "word": word[1],
        "what": "subscriptions",
        "name": "erp",
        "why": "They say that they are back.",
        "by": "Olga",
    }
    return await operator.post(PAGE, data=sent | form)


async def row_of(operator: Client, name: str) -> str:
    """The subscription's row of the table, as text."""
    page = (await operator.get(PAGE)).text
    found = re.search(rf'<tr><td><input type="checkbox" name="name" value="{name}".*?</tr>', page, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


async def came(pool: Pool, *outcomes: str, waiting: int = 0) -> bool:
    """Whether these are all attempts, and what came of the last one is noted."""
    found = await rows(pool, "SELECT outcome FROM webhooks.attempts ORDER BY id")
    left = await rows(pool, "SELECT tries FROM runtime.outbox")
    return [one["outcome"] for one in found] == [*outcomes] and [one["tries"] for one in left] == [1] * waiting


async def test_from_a_receiver_that_fails_to_all_being_told(
    trying: Settings, pool: Pool, dsn: str, receivers: Hooks, operator: Client
) -> None:
    await subscribe(pool, trying, "erp", f"{receivers.url}/erp?key=s3cret")
    assert "Nothing was sent yet." in await row_of(operator, "erp")
    receivers.at("erp").status = 500
    await happen(pool, "lead-1", "assigned")
    async with sending(trying, pool, dsn, []):
        await until(lambda: came(pool, "again", waiting=1), "the first try")
        await rows_changed(pool, "UPDATE runtime.outbox SET not_before = now() + interval '1 hour'")
        failing = await row_of(operator, "erp")
        assert "failing" in failing
        assert "500" in failing
        assert "s3cret" not in failing
        assert "1 of 1 done" in (await do(operator, how="retry")).text
        await until(lambda: came(pool, "again", "dead"), "the second try")
        receivers.at("erp").status = 204
        assert "2 of 2 done" in (await do(operator, how="retry")).text
        await until(lambda: came(pool, "again", "dead", "delivered"), "the dead letter to be taken")
        [newest, *_] = re.findall(r'name="key" value="(\d+)"', (await operator.get(f"{PAGE}?show=all&of=erp")).text)
        assert "1 of 1 done" in (await do(operator, what="attempts", key=newest)).text
        await until(lambda: came(pool, "again", "dead", *["delivered"] * 2), "the event to be sent again")
        assert "1 of 1 done" in (await do(operator, how="replay", since="2026-01-01T00:00")).text
        await until(lambda: came(pool, "again", "dead", *["delivered"] * 3), "what happened since to be sent again")
    assert len(set(receivers.at("erp").ids)) == 1  # by which it knows the repeats
    told = await row_of(operator, "erp")
    assert "failing" not in told
    assert "1 of 1 done" in (await do(operator, how="disable", why="<b>They move.</b>")).text
    assert "off &lt;b&gt;They move." in await row_of(operator, "erp")
    refused = (await do(operator, how="replay", since="2026-01-01T00:00")).text
    assert "0 of 1 done" in refused
    assert "erp is disabled" in refused
    await do(operator, how="enable")
    done = await rows(pool, "SELECT action, outcome, actor FROM runtime.audit ORDER BY id")
    assert [(one["action"], one["outcome"][:7]) for one in done] == [
        ("webhook.retry", "done"), ("webhook.retry", "done"), ("dead_letter.retry", "done"), ("webhook.replay", "done"),
        ("webhook.replay", "done"), ("webhook.disable", "done"), ("webhook.replay", "refused"), ("webhook.enable", "done"),
    ]  # fmt: skip
    assert all("Olga" in one["actor"] for one in done)


async def rows_changed(pool: Pool, statement: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"word": "0" * 64}, 403), ({"why": ""}, 422), ({"by": "policy:mine"}, 422), ({"how": "burn"}, 422),
        ({"how": "replay", "since": "yesterday"}, 422), ({"how": "replay", "since": ""}, 422),
        ({"what": "attempts", "key": "1;2"}, 422), ({"what": "attempts"}, 422),
    ],
)  # fmt: skip
async def test_what_is_not_wholly_asked_for_does_nothing(
    pool: Pool, trying: Settings, operator: Client, changed: dict[str, Any], status: int
) -> None:
    await subscribe(pool, trying, "erp", "http://127.0.0.1:9/in")
    await happen(pool, "lead-1", "assigned")
    assert (await do(operator, **{"how": "disable"} | changed)).status_code == status
    assert not await rows(pool, "SELECT FROM runtime.audit")
    assert len(await rows(pool, "SELECT FROM runtime.outbox")) == 1


async def test_the_page_is_read_once_for_all_and_anew_for_who_acts(
    pool: Pool, trying: Settings, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FRESH_SECONDS", 1_000.0)
    await subscribe(pool, trying, "erp", "http://127.0.0.1:9/in")
    assert "on" in (await row_of(operator, "erp")).split()
    await subscribe(pool, trying, "shop", "http://127.0.0.1:9/in")
    assert 'value="shop"' not in (await operator.get(PAGE)).text, "read a moment ago"
    await do(operator, how="disable")
    assert "off" in (await row_of(operator, "erp")).split()
    assert "on" in (await row_of(operator, "shop")).split()


async def test_one_that_is_not_there_is_refused_with_a_record(pool: Pool, operator: Client) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO webhooks.subscriptions (name, url) VALUES ('other', 'https://a.example/')"
        )
    for how in ("retry", "disable", "enable", "replay"):
        answer = await do(operator, how=how, since="2026-01-01T00:00")
        assert "There is no subscription erp." in answer.text
    kept = await rows(pool, "SELECT outcome FROM runtime.audit")
    assert [one["outcome"][:7] for one in kept] == ["refused"] * 4
