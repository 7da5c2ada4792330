"""Each kind of answer over HTTP becomes the outcome that fits it; when the other side says when, that is obeyed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from workers.runtime.errors import PermanentError, RateLimited, TaskError, TransientError, Unreachable
from workers.runtime.outside_http import LONGEST_SECONDS, UNTOLD_SECONDS, asked, retry_after

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


async def outcome(status: int, **headers: str) -> TaskError:
    answer = httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with pytest.raises(TaskError) as caught:
        await asked("The CRM", given(answer))
    return caught.value


async def given(answer: httpx.Response) -> httpx.Response:
    return answer


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (304, PermanentError),
        (400, PermanentError),
        (401, PermanentError),
        (404, PermanentError),
        (408, TransientError),
        (409, PermanentError),
        (425, TransientError),
        (429, RateLimited),
        (500, TransientError),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
        (507, TransientError),
    ],
)
async def test_each_status_has_its_outcome(status: int, kind: type[TaskError]) -> None:
    error = await outcome(status)
    assert type(error) is kind
    assert str(error).startswith("The CRM ")
    assert f"HTTP {status}" in str(error)


async def test_what_a_person_has_to_mend_is_said() -> None:
    assert "Set credentials" in str(await outcome(403))
    assert "Set its new address" in str(await outcome(308, location="https://elsewhere.example/"))
    assert "correct the data" in str(await outcome(422))


async def test_success_and_what_the_caller_handles_are_returned() -> None:
    for status in (200, 201, 204):
        assert (await asked("The CRM", given(httpx.Response(status)))).status_code == status
    assert (await asked("The CRM", given(httpx.Response(404)), handled=(404, 410))).status_code == 404


@pytest.mark.parametrize("status", [409, 413, 429, 503])
async def test_when_to_come_back_is_obeyed_as_seconds_and_as_a_date(status: int) -> None:
    by_seconds = await outcome(status, retry_after="120")
    by_date = await outcome(
        status, date=format_datetime(NOON, usegmt=True), retry_after="Thu, 26 Nov 2026 12:02:00 GMT"
    )
    for error in (by_seconds, by_date):
        assert isinstance(error, RateLimited)
        assert error.retry_after == 120


async def test_429_that_does_not_say_when_gets_a_pause() -> None:
    error = await outcome(429)
    assert isinstance(error, RateLimited)
    assert error.retry_after == UNTOLD_SECONDS


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("999999999999", LONGEST_SECONDS),
        ("Thu, 26 Nov 2026 12:00:30 GMT", 30),
        ("Thursday, 26-Nov-26 12:00:30 GMT", 30),
        ("Thu Nov 26 12:00:30 2026", 30),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 27 Nov 2026 12:00:00 GMT", LONGEST_SECONDS),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Thu, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_in_all_its_forms(told: str, seconds: float | None) -> None:
    answer = httpx.Response(503, headers={"Date": format_datetime(NOON, usegmt=True), "Retry-After": told})
    assert retry_after(answer) == seconds


def test_a_sender_that_does_not_tell_its_time_is_held_against_our_clock() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    found = retry_after(httpx.Response(503, headers={"Retry-After": at}))
    assert found is not None
    assert 0 < found <= 600


Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(answers: Peer) -> AsyncIterator[str]:
    async with await asyncio.start_server(answers, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_no_answer_is_told_apart_from_no_connection() -> None:
    silent = asyncio.Event()

    async def breaks_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def says_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        async with peer(breaks_off) as address:
            with pytest.raises(Unreachable, match="The CRM can't be reached"):
                await asked("The CRM", http.get(address))
        with pytest.raises(Unreachable, match="ConnectError"):  # nobody listens there any more
            await asked("The CRM", http.get(address))
        async with peer(says_nothing) as address:
            with pytest.raises(TransientError, match="no answer in time") as caught:
                await asked("The CRM", http.get(address, timeout=httpx.Timeout(60, read=0.05)))
            assert not isinstance(caught.value, Unreachable)  # it may have done it
            silent.set()
