"""What a request may be, where secrets go, and what becomes of each kind of answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from workers.connectors.outbound import AddressRefused, GuardedTransport
from workers.runtime.errors import PermanentError, RateLimited, TransientError, Unreachable
from workers.settings import WebServices
from workers.web_services.adapters.http import MOST_BYTES, HttpWeb
from workers.web_services.domain.request import Request, Secret, WrongRequest, codes_of, idempotency_key

HOST = "api.example"
SECRETS = {"KEY": Secret("t0ps3cret", frozenset({HOST})), "OTHER": Secret("n0t-h3re", frozenset({"other.example"}))}


def request(**changed: Any) -> Request:
    given: dict[str, Any] = {
        "method": "POST", "url": f"https://{HOST}/in", "headers": {}, "query": {}, "body": None, "authentication": "none",
        "auth_secret": "", "auth_username": "", "auth_header": "", "seconds": 5.0,
    }  # fmt: skip
    return Request(**given | changed)


async def ask(
    answer: httpx.Response | Callable[[httpx.Request], httpx.Response], *caught: int, **changed: Any
) -> tuple[Any, list[httpx.Request]]:
    sent: list[httpx.Request] = []

    def answering(one: httpx.Request) -> httpx.Response:
        sent.append(one)
        return answer if isinstance(answer, httpx.Response) else answer(one)

    web = HttpWeb(httpx.MockTransport(answering), SECRETS)
    try:
        return await web.ask(request(**changed), caught=frozenset(caught)), sent
    finally:
        await web.close()


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        ({"authentication": "bearer"}, "authorization", "Bearer t0ps3cret"),
        ({"authentication": "basic", "auth_username": "fairlead"}, "authorization", "Basic ZmFpcmxlYWQ6dDBwczNjcmV0"),
        ({"authentication": "api_key"}, "x-api-key", "t0ps3cret"),
        ({"authentication": "api_key", "auth_header": "Ocp-Key"}, "ocp-key", "t0ps3cret"),
        ({"headers": {"Authorization": "Token {{secrets.KEY}}"}}, "authorization", "Token t0ps3cret"),
    ],
)
async def test_secrets_are_sent_and_never_come_back(given: dict[str, Any], header: str, value: str) -> None:
    echo = httpx.Response(200, json={"you sent": "t0ps3cret"})
    answer, [sent] = await ask(echo, auth_secret="{{secrets.KEY}}", **given)
    assert sent.headers[header] == value
    assert answer.body == {"you sent": "***"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"authentication": "bearer", "auth_secret": "t0ps3cret"}, "does not belong into a diagram"),
        ({"authentication": "bearer", "auth_secret": "{{secrets.NONE}}"}, "no secret NONE"),
        ({"authentication": "bearer", "auth_secret": "{{secrets.OTHER}}"}, "not to be sent to api.example"),
        ({"headers": {"X": "{{secrets.KEY}}"}, "url": "https://evil.example/"}, "not to be sent to evil.example"),
        ({"headers": {"X\r\nY": "1"}}, "can't be a header"),
        ({"headers": {"Host": "10.0.0.1"}}, "can't be a header"),
        ({"headers": {"X": "1\r\nY: 2"}}, "no header can have"),
        ({"headers": {"X": "ü"}}, "no header can have"),
        ({"url": "https://u:p@api.example/"}, "without user and password"),
        ({"url": "file:///etc/passwd"}, "https://host/path"),
        ({"url": "https://api.example:port/"}, "has no form"),
        ({"url": "=lead.url"}, "https://host/path"),
        ({"body": float("nan")}, "has no form"),
    ],
)
async def test_what_can_not_be_asked_is_not(given: dict[str, Any], why: str) -> None:
    with pytest.raises(PermanentError, match=why) as refused:
        await ask(httpx.Response(200), **given)
    assert "t0ps3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://127.0.0.1/", "https://169.254.169.254/latest", "http://api.example/"]
)
async def test_our_own_network_is_not_asked(url: str) -> None:
    web = HttpWeb(GuardedTransport(), SECRETS)
    with pytest.raises(AddressRefused):
        await web.ask(request(url=url), caught=frozenset())
    await web.close()


async def _hangs(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(60)
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(429, headers={"Retry-After": "7"}), RateLimited),
        (httpx.Response(503), Unreachable),
        (httpx.Response(500), TransientError),
        (httpx.Response(401), PermanentError),
        (httpx.Response(302, headers={"Location": "https://10.0.0.1/"}), PermanentError),
        (httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"half'), TransientError),
        (httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"n": NaN}'), TransientError),
        (httpx.Response(200, headers={"content-type": "application/pdf"}, content=b"%PDF"), PermanentError),
        (httpx.Response(200, content=b"x" * (MOST_BYTES + 1)), PermanentError),
        (_hangs, TransientError),
    ],
)
async def test_what_becomes_of_answers(answer: Any, outcome: type[Exception]) -> None:
    web = HttpWeb(httpx.MockTransport(answer if callable(answer) else lambda _: answer), SECRETS)
    with pytest.raises(outcome) as raised:
        await web.ask(request(seconds=0.01 if callable(answer) else 5.0), caught=frozenset())
    await web.close()
    assert type(raised.value) is outcome


async def test_an_answer_becomes_a_variable() -> None:
    odd = b'{"nul": "a\\u0000b", "half": "\\ud800", "big": 123456789012345678901, "list": [true, null, 1.5]}'
    answer, [sent] = await ask(
        httpx.Response(404, headers={"content-type": "application/problem+json", "X-Id": "7", "Set-Cookie": "a=b"}, content=odd),
        404, body={"a": [1]}, query={"q": ["ä", 1], "on": True}, url=f"https://{HOST}/in?old=1",
    )  # fmt: skip
    assert answer.body == {"nul": "a?b", "half": "?", "big": 1.2345678901234568e20, "list": [True, None, 1.5]}
    assert answer.headers["x-id"] == "7"
    assert "set-cookie" not in answer.headers
    assert (sent.url.query, sent.content) == (b"old=1&q=%C3%A4&q=1&on=true", b'{"a":[1]}')
    text, [sent] = await ask(httpx.Response(200, html="<p>Hello</p>"), body="as it is")
    assert (text.body, sent.content) == ("<p>Hello</p>", b"as it is")
    nothing, _ = await ask(httpx.Response(204), method="DELETE")
    assert (nothing.status, nothing.body) == (204, None)


def test_codes_and_keys() -> None:
    codes = codes_of({"4xx": "refused", "404": "unknown"})
    assert (codes[404], codes[400], codes[499], 500 in codes) == ("unknown", "refused", "refused", False)
    for odd in ({"abc": "x"}, {"999": "x"}, {"404": ""}, {"4x": "x"}):
        with pytest.raises(WrongRequest, match="have the form"):
            codes_of(odd)
    keys = {idempotency_key(*parts) for parts in (("a", "b", ""), ("a", "b", "1"), ("a", "c", ""), ("b", "b", ""))}
    assert len(keys) == 4
    assert idempotency_key("a", "b", "") in keys


@pytest.mark.parametrize(
    ("given", "why"),
    [({"secrets": {"1": {"value": "x", "hosts": ["h"]}}}, "a secret's name"), ({"secrets": {"K": {"value": "x", "hosts": []}}}, "at least 1")],
)  # fmt: skip
def test_settings_that_make_no_sense(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        WebServices.model_validate(given)
