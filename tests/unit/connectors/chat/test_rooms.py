"""Notices in Slack and Teams: beside the mail or instead, within the services' limits, and what comes of their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulators.chat import Chat as Simulated
from tests.simulators.chat import chat as simulated_chat
from tests.unit.runtime.demo.waiting import until
from workers.connectors import wiring
from workers.connectors.chat.messages import CARD_BYTES, MORE, slack, teams
from workers.connectors.chat.sending import Posting
from workers.office import mail
from workers.office.letters import CHANNEL, escalation, letter
from workers.runtime.database import Pool, open_pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.errors import PermanentError, RateLimited, TransientError, Unreachable
from workers.runtime.masking import Mask
from workers.runtime.outbox import OutboxRow, put
from workers.runtime.resources import Resources, now
from workers.runtime.task import Retry
from workers.settings import Chat, Mail, Settings

HOSTILE = "Overdue: <!channel> & *Acme* [Ltd](https://evil.example) & <https://evil.example|click>"


@pytest.fixture
def both() -> Iterator[Simulated]:
    with simulated_chat() as found:
        yield found


def settings_of(both: Simulated, home: Path) -> Settings:
    rooms = {
        "managers": {"kind": "slack", "url": f"{both.url}/slack/managers", "addresses": ["Mona@example.com"]},
        "operations": {
            "kind": "teams", "url": f"{both.url}/teams/operations", "addresses": ["operations@example.com"], "mail": False,
        },
    }  # fmt: skip
    chat = Chat.model_validate({"rooms": rooms, "trusted_hosts": ["127.0.0.1"]})
    return Settings(home=home, chat=chat, mail=Mail(timeout_seconds=1, port=1))


async def rows(pool: Pool, query: str) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        return [tuple(one.values()) for one in await (await connection.execute(query.encode())).fetchall()]


async def test_letters_go_to_rooms_beside_the_mail_or_instead_of_it(
    pool: Pool, dsn: str, both: Simulated, tmp_path: Path
) -> None:
    """The mail server is away, and no room waits for it."""
    resources = Resources(settings_of(both, tmp_path), pool)
    overdue = escalation("Approve the quotas", due_at=now(), link="https://tasks.example/1")
    async with pool.connection() as connection:
        for number in (1, 2):
            await put(connection, CHANNEL, "q-1", f"q-1/{number}", overdue.to(["mona@example.com", "ben@example.com"]))
        told = letter("2 new incidents", ["They wait."], ("What to do", "https://runbooks.example/incident.md"))
        await put(connection, CHANNEL, "operations", "operations/1", told.to(["operations@example.com"]))
    books = await open_pool(dsn, autocommit=True)
    channels = {**mail.deliveries(resources), **wiring.deliveries(resources)}
    dispatcher = Dispatcher(dsn, books, channels, retry=Retry(tries=50, first_seconds=0.02, cap_seconds=0.05))
    running = asyncio.create_task(dispatcher.run())
    try:
        await until(lambda: len(both.posted.get("managers", [])) == 2 and both.posted.get("operations"), "the notices")
        await until(lambda: _waiting(pool, [("mail", "q-1", 2)]), "the mail for Ben to be all that waits")
    finally:
        dispatcher.stop()
        await running
        await wiring.close(resources)
        await books.close()
    assert both.too_fast == 0, "a message a second"
    assert "*Overdue: Approve the quotas*" in json.dumps(both.posted["managers"][0])
    assert "<https://tasks.example/1|Open the task>" in json.dumps(both.posted["managers"][0])
    card = both.posted["operations"][0]["attachments"][0]["content"]
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "What to do", "url": "https://runbooks.example/incident.md"}
    ]


async def _waiting(pool: Pool, expected: list[tuple[Any, ...]]) -> bool:
    found = await rows(pool, "SELECT channel, business_id, count(*) FROM runtime.outbox GROUP BY 1, 2")
    return found == expected


@pytest.mark.parametrize(
    ("status", "words", "headers", "outcome", "says"),
    [
        (429, "rate_limited", {"Retry-After": "30"}, RateLimited, "30 s"),
        (400, "invalid_payload", {}, PermanentError, "invalid_payload"),
        (404, "channel_not_found", {}, RateLimited, "channel_not_found"),
        (410, "channel_is_archived", {}, RateLimited, "FAIRLEAD_CHAT__ROOMS"),
        (403, "<html>No, Ana Ruiz</html>", {}, RateLimited, "HTTP 403"),
        (500, "rollup_error", {}, TransientError, "HTTP 500"),
        (503, "", {}, Unreachable, "HTTP 503"),
    ],
)
async def test_what_becomes_of_answers(
    both: Simulated,
    tmp_path: Path,
    status: int,
    words: str,
    headers: dict[str, str],
    outcome: type[Exception],
    says: str,
) -> None:
    both.faults["managers"] = (status, words, headers)
    posting = Posting(settings_of(both, tmp_path).chat)
    row = OutboxRow(1, "chat:managers", "q-1", "q-1/1/managers", {"subject": "Hello", "text": "There."}, 0)
    with pytest.raises(outcome, match=says) as raised:
        await posting(row)
    assert type(raised.value) is outcome
    assert "Ana" not in str(raised.value)
    with pytest.raises(RateLimited, match="a second"):
        await posting(row)
    for odd in ({"subject": "x"}, {"subject": None, "text": 1}):
        with pytest.raises(PermanentError, match="no notice"):
            await Posting(settings_of(both, tmp_path).chat)(OutboxRow(1, "chat:managers", "q", "q/1", odd, 0))
    with pytest.raises(PermanentError, match="no room nobody"):
        await posting(OutboxRow(1, "chat:nobody", "q", "q/1", {}, 0))
    await posting.close()


async def test_hostile_and_huge_texts_are_taken_by_both(both: Simulated) -> None:
    texts = [HOSTILE, "ä&<" * 20_000, "\n\n".join(["A paragraph & more."] * 200)]
    async with httpx.AsyncClient() as http:
        for number, text in enumerate(texts):
            for kind, made in (("slack", slack), ("teams", teams)):
                answer = await http.post(f"{both.url}/{kind}/room-{number}-{kind}", json=made(HOSTILE, text))
                assert answer.status_code == (200 if kind == "slack" else 202), answer.text
    assert "&lt;!channel&gt;" in json.dumps(slack(HOSTILE, "x"))
    assert "\\\\*Acme\\\\*" in json.dumps(teams(HOSTILE, "x"))
    cut = teams("x", texts[1])
    assert len(json.dumps(cut)) <= CARD_BYTES
    assert MORE in json.dumps(cut, ensure_ascii=False)
    assert MORE in json.dumps(slack("x", texts[2]), ensure_ascii=False)


def test_addresses_of_rooms_are_secrets_and_have_a_form() -> None:
    room = {"kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/s3cr3t", "addresses": ["a@example.com"]}
    settings = Settings(chat=Chat.model_validate({"rooms": {"a": room}}))
    assert "s3cr3t" not in Mask(settings)(f"posted to {room['url']}")
    for changed, why in (
        ({"url": "http://hooks.slack.com/x"}, "https://"),
        ({"url": "hooks.slack.com"}, "https://"),
        ({"addresses": []}, "at least 1"),
        ({"kind": "irc"}, "slack"),
    ):
        with pytest.raises(ValueError, match=why):
            Chat.model_validate({"rooms": {"a": room | changed}})
    with pytest.raises(ValueError, match="a room has"):
        Chat.model_validate({"rooms": {"A B": room}})
