"""What comes of each answer of a receiver, and where nothing is ever sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.unit.connectors.outgoing.conftest import happen, rows, subscribe
from workers.connectors.outbound import AddressRefused, judged
from workers.connectors.outgoing import keys, subscriptions
from workers.connectors.outgoing.sending import Sending
from workers.connectors.outgoing.subscriptions import WrongSubscription
from workers.connectors.webhooks import verify_standard
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, Postponed, RateLimited
from workers.runtime.outbox import OutboxRow
from workers.settings import Regions, Settings, WebhooksOut

HOST = "hooks.example"
URL = f"https://{HOST}/in?key=s3cret"
PAYLOAD = {"action": "assigned", "at": "2026-03-01T00:00:00Z", "actor": "system", "why": "", "facts": {}}
MFKQ = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def row(number: int = 1, tries: int = 0, case: str = "lead-1") -> OutboxRow:
    return OutboxRow(number, "webhook:erp", case, f"timeline:{number}", PAYLOAD, tries)


class Receiving(httpx.AsyncBaseTransport):
    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx.Response(self.answer.status_code, headers=self.answer.headers, stream=httpx.ByteStream(b"so"))


@pytest.fixture
async def receiving(pool: Pool, tmp_path: Path) -> AsyncIterator[tuple[Receiving, Sending]]:
    """A receiver `erp` that answers 204, and what sends to it."""
    out = WebhooksOut(trusted_hosts=[HOST], tries=3, secrets={"erp": [SecretStr(MFKQ), SecretStr(keys.made())]})
    settings = Settings(home=tmp_path, webhooks_out=out, regions=Regions(here="alps"))
    await subscribe(pool, settings, "erp", URL)
    receiver = Receiving(httpx.Response(204))
    sending = Sending(settings, pool, inner=receiver, clock=lambda: 1614265330)
    yield receiver, sending
    await sending.close()


async def attempted(pool: Pool) -> list[tuple[Any, ...]]:
    found = await rows(pool, "SELECT try, status, outcome FROM webhooks.attempts ORDER BY id")
    return [tuple(one.values()) for one in found]


async def test_secrets_of_the_settings_all_sign(pool: Pool, receiving: tuple[Receiving, Sending]) -> None:
    receiver, sending = receiving
    await sending(row())
    [request] = receiver.requests
    assert len(request.headers["webhook-signature"].split()) == 2
    assert (
        verify_standard([MFKQ], request.content, request.headers, now=1614265330) == "alps:timeline:1"
    )  # each region counts for itself
    assert await attempted(pool) == [(1, 204, "delivered")]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500), httpx.Response(404), httpx.Response(302, headers={"Location": "https://10.0.0.1/"}),
        httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("half an answer"),
    ],
    ids=str,
)  # fmt: skip
async def test_whatever_is_no_success_is_tried_again_and_in_the_end_a_dead_letter(
    pool: Pool, receiving: tuple[Receiving, Sending], answer: httpx.Response | Exception
) -> None:
    receiver, sending = receiving
    receiver.answer = answer
    for tries in (0, 1):
        with pytest.raises(Postponed) as postponed:
            await sending(row(tries=tries))
        assert 0 <= postponed.value.retry_after <= 5.0 * 2**tries
    with pytest.raises(PermanentError, match=r"did not take it in 3 tries.*replay erp --id timeline:1"):
        await sending(row(tries=2))
    assert [one[0::2] for one in await attempted(pool)] == [(1, "again"), (2, "again"), (3, "dead")]
    assert len(receiver.requests) == 3, "a redirect is not followed"


async def test_who_asks_for_a_pause_gets_it(pool: Pool, receiving: tuple[Receiving, Sending]) -> None:
    receiver, sending = receiving
    receiver.answer = httpx.Response(429, headers={"Retry-After": "7200"})
    with pytest.raises(Postponed) as postponed:
        await sending(row())
    assert postponed.value.retry_after == 3600.0, "an hour at most"
    with pytest.raises(RateLimited) as limited:  # another case's event, which uses up no try
        await sending(row(2, case="lead-2"))
    assert 3590 < limited.value.retry_after <= 3600
    assert len(receiver.requests) == 1
    assert await attempted(pool) == [(1, 429, "again")]


async def test_gone_disables_the_subscription_and_a_replay_brings_what_it_missed(
    pool: Pool, receiving: tuple[Receiving, Sending]
) -> None:
    receiver, sending = receiving
    receiver.answer = httpx.Response(410)
    before = datetime.now(UTC) - timedelta(minutes=1)
    await happen(pool, "lead-1", "scored", "assigned")
    first, _ = await rows(pool, "SELECT id, external_id FROM runtime.outbox ORDER BY id")
    with pytest.raises(PermanentError, match="webhooks enable erp"):
        await sending(OutboxRow(first["id"], "webhook:erp", "lead-1", first["external_id"], PAYLOAD, 0))
    left = await rows(pool, "SELECT id FROM runtime.outbox")
    assert [one["id"] for one in left] == [first["id"]], "it becomes the one dead letter that operations are told of"
    await happen(pool, "lead-1", "accepted")  # told to nobody
    assert len(await rows(pool, "SELECT FROM runtime.outbox")) == 1
    with pytest.raises(PermanentError, match="disabled or gone"):
        await sending(row(99))
    async with pool.connection() as connection:
        with pytest.raises(WrongSubscription, match="disabled: it answered 410 Gone"):
            await subscriptions.replay(connection, "erp", since=before, until=None)
        await subscriptions.enable(connection, "erp")
        assert await subscriptions.replay(connection, "erp", since=before, until=None) == 2, "one waits already"
        assert await subscriptions.replay(connection, "erp", since=before, until=None) == 0
        await connection.execute("DELETE FROM runtime.outbox")
        assert await subscriptions.replay(connection, "erp", since=None, until=None, event_id="timeline:2") == 1
        for odd in ("timeline:", "timeline:٣", "timeline:1; DROP"):
            with pytest.raises(WrongSubscription, match="no event of ours"):
                await subscriptions.replay(connection, "erp", since=None, until=None, event_id=odd)
        assert await subscriptions.disable(connection, "erp", "moved") == 1
        assert await subscriptions.remove(connection, "erp") == 0
        for act in (subscriptions.enable, subscriptions.remove):
            with pytest.raises(WrongSubscription, match="no subscription erp"):
                await act(connection, "erp")


async def test_our_own_network_is_never_called(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when a subscription is added, nor when its name leads elsewhere later."""
    answers = ["8.8.8.8", "169.254.169.254"]

    async def resolved(_loop: object, host: str, *_: Any, **__: Any) -> list[Any]:
        if host == "nowhere.example":
            raise socket.gaierror
        address = answers.pop(0) if host == HOST else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]

    settings = Settings(home=tmp_path)
    await judged(await _monkeyed(monkeypatch, resolved, URL), [])
    await subscribe(pool, settings, "erp", URL)
    receiver = Receiving(httpx.Response(204))
    sending = Sending(settings, pool, inner=receiver)
    with pytest.raises(AddressRefused, match="not on the public internet"):
        await sending(row())
    assert receiver.requests == []
    assert await attempted(pool) == [(1, None, "dead")]
    for url, why in (
        ("http://hooks.example/", "without TLS"),
        ("https://10.1.2.3/", "not on the public internet"),
        ("https://u:p@hooks.example/", "user or password"),
        ("https://nowhere.example/", "can't be resolved"),
        ("ftp://hooks.example/", "no URL"),
        ("hooks.example", "no URL"),
        ("https://[::1", "no URL"),
    ):
        with pytest.raises(AddressRefused, match=why):
            await judged(url, [])


async def _monkeyed(monkeypatch: pytest.MonkeyPatch, resolved: object, url: str) -> str:
    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolved)
    return url


async def test_a_secret_that_nobody_can_read_any_more_and_a_broken_row(pool: Pool, tmp_path: Path) -> None:
    await subscribe(pool, Settings(home=tmp_path / "then"), "erp", URL)
    receiver = Receiving(httpx.Response(204))
    sending = Sending(Settings(home=tmp_path / "now"), pool, inner=receiver)
    with pytest.raises(PermanentError, match="webhooks rotate erp"):
        await sending(row())
    with pytest.raises(PermanentError, match="no event of a case"):
        await sending(OutboxRow(1, "webhook:erp", "lead-1", "timeline:1", {"action": "x"}, 0))
    assert receiver.requests == []


async def test_names_and_types_have_a_form(pool: Pool) -> None:
    async with pool.connection() as connection:
        for name, kind in (("ERP", "fairlead.assigned"), ("", "fairlead.assigned"), ("erp", "assigned"), ("erp", "*")):
            with pytest.raises(WrongSubscription):
                await subscriptions.add(connection, name, URL, [kind], None)
        await subscriptions.add(connection, "erp", URL, [], None)
        with pytest.raises(WrongSubscription, match="already"):
            await subscriptions.add(connection, "erp", URL, [], None)
        (found,) = await subscriptions.all_(connection)
        assert found.shown_url == f"https://{HOST}/in?…"
    with pytest.raises(ValueError, match="a subscription has"):
        WebhooksOut(secrets={"E R P": []})
