"""The runbooks as pages: every link in a message, and between pages, opens."""

from __future__ import annotations

import re

import pytest

from tests.unit.gateway.helpers import Client, MakeClient
from workers.gateway.runbooks import INDEX, names
from workers.settings import Settings


@pytest.mark.parametrize("name", names())
async def test_each_page_opens_and_so_do_its_links(client: Client, name: str) -> None:
    address = Settings().runbook(name)
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "script" not in answer.headers["content-security-policy"]
    assert re.search(r"<h1>.+</h1>", answer.text)
    assert "| |" not in answer.text  # tables are tables
    for link in re.findall(r'href="([^"]+)"', answer.text):
        assert (await client.get(str(answer.url.join(link)))).status_code == 200, link


async def test_a_command_of_a_page_can_be_copied(client: Client) -> None:
    text = (await client.get(Settings().runbook("crm-away"))).text
    assert "<pre><code" in text
    assert "fairlead heal run --once" in text


async def test_the_list_of_pages_is_found_and_a_wrong_name_leads_there(client: Client) -> None:
    answer = await client.get("/runbooks", follow_redirects=True)
    assert answer.url.path == f"/runbooks/{INDEX}.md"
    wrong = await client.get("/runbooks/nothing.md")
    assert wrong.status_code == 404
    assert f'href="{INDEX}.md"' in wrong.text
    assert (await client.get("/runbooks/..%2f..%2fREADME.md")).status_code == 404


async def test_pages_need_no_token_but_their_rate_is_bounded(make_client: MakeClient) -> None:
    client = await make_client(api_tokens=["a-token-of-some-length"])
    assert (await client.get("/runbooks/incident.md")).status_code == 200
    assert (await client.get("/v1/leads")).status_code == 401
