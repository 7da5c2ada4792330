"""What a browser shows of a refusal: a page in words, where a program gets a problem detail."""

from __future__ import annotations

from html import escape
from unittest.mock import AsyncMock

import pytest
from psycopg import OperationalError

from tests.unit.gateway.helpers import Client
from workers.control_room import foresight

BROWSER = {"accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(
    ("address", "status", "title", "said"),
    [
        ("/control/nothing", 404, "There is no such page", "Was it cut off?"),
        ("/control/diagrams/1.bpmn", 404, "There is no such page", "no process version of this key"),
        ("/control?period=1y", 422, "This address can't be shown", "<li>query period: "),
        ("/control/prediction", 503, "Database unavailable", '<a href="/control/prediction">Try again</a>'),
    ],
)
async def test_a_person_gets_a_page_and_a_program_a_problem(
    client: Client, monkeypatch: pytest.MonkeyPatch, address: str, status: int, title: str, said: str
) -> None:
    monkeypatch.setattr(foresight, "card", AsyncMock(side_effect=OperationalError("the server is gone")))
    shown = await client.get(address, headers=BROWSER)
    assert (shown.status_code, shown.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{escape(title)}</h1>".replace("&#x27;", "&#39;") in shown.text
    assert said in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    told = await client.get(address)
    assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")
    assert told.headers.get("retry-after") == shown.headers.get("retry-after")


async def test_a_form_that_is_not_ours_says_what_to_do_and_a_script_gets_what_it_reads(client: Client) -> None:
    sent = {"word": "of another", "why": "because"}
    refused = await client.post("/control/operations", data=sent, headers=BROWSER)
    assert refused.status_code == 403
    assert "<h1>Not our form</h1>" in refused.text
    assert "Load the page again and repeat it." in refused.text
    assert "Try again</a>" not in refused.text, "what a form sent is not sent again by a link"
    both = {"accept": "text/html, application/problem+json"}
    asked = {"word": "of another", "table": "<hello", "last": 1}
    assert (await client.post("/control/what-if", json=asked, headers=both)).json()["title"] == "Not our form"
