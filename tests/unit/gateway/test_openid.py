"""People sign in at a real Keycloak, programs come with its access tokens; what is forged, old or another's gets nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from playwright.async_api import expect

from tests.control_pages import look_at, open_browser, open_page
from tests.forging import forged
from tests.keycloak import AUDIENCE, CLIENT, PASSWORD, SECRET, Keycloak
from tests.unit.control_room.test_pages import served
from tests.unit.control_room.town import Case, read_town
from tests.unit.gateway.helpers import Board, Client, MakeClient, client_of
from workers.engine.ports import free_port
from workers.gateway import openid
from workers.gateway.app import create_app
from workers.runtime.database import Pool
from workers.settings import Settings
from workers.settings_access import ApiToken

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PORT = free_port()
GATEWAY = f"http://localhost:{PORT}"
"""To a browser another site than the provider at 127.0.0.1, as it is in earnest."""
BROWSER = {"accept": "text/html"}


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    with Keycloak(tmp_path_factory.mktemp("keycloak"), GATEWAY) as one:
        yield one


@pytest.fixture
async def town(pool: Pool) -> list[Case]:
    """Leads of two teams; Mia leads one of them, says the office."""
    cases = await read_town(pool, 20)
    async with pool.connection() as connection:
        await connection.execute("UPDATE routing.territories SET manager_email = 'pia@example.com' WHERE id = 'iberia'")
    return cases


def settings_of(keycloak: Keycloak, **openid_: Any) -> Settings:
    given = {
        "issuer": keycloak.issuer, "client_id": CLIENT, "client_secret": SECRET, "audience": AUDIENCE,
        "roles": {"sales-managers": "manager", "analysts": "analyst", "operators": "operator"},
        "teams": {"north": ["north"]}, "label": "Sign in with Keycloak",
    }  # fmt: skip
    return Settings.model_validate(
        {"gateway": {"public_url": GATEWAY, "rate_per_second": 10_000}, "openid": given | openid_}
    )


@pytest.fixture
async def make(pool: Pool, board: Board, keycloak: Keycloak) -> AsyncIterator[MakeClient]:
    """Makes a client of an app with the given settings of `OpenId`."""
    async with AsyncExitStack() as stack:

        async def made(**openid_: Any) -> Client:
            app = create_app(settings_of(keycloak, **openid_), pool, board)
            client = await stack.enter_async_context(client_of(app))
            client.base_url = httpx.URL(GATEWAY)
            return client

        yield made


@pytest.fixture
async def client(make: MakeClient) -> Client:
    return await make()


async def at_provider(address: str, person: str) -> str:
    """Sign in at Keycloak; the address that it sends the browser back to."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
        page = await browser.get(address)
        (form,) = re.findall(r'<form id="kc-form-login"[^>]* action="([^"]+)"', page.text)
        # Its cookies are for secure connections, as which a browser counts loopback, and httpx does not.
        cookies = "; ".join(one.partition(";")[0] for one in page.headers.get_list("set-cookie"))
        given = {"username": person, "password": PASSWORD}
        sent = await browser.post(unescape(form), data=given, headers={"cookie": cookies})
    assert sent.status_code == 302, sent.text
    return sent.headers["location"]


async def sign_in(client: Client, person: str, next_: str = "/control") -> httpx.Response:
    begun = await client.get("/control/sign-in/provider", params={"next": next_})
    assert begun.status_code == 303
    return await client.get(await at_provider(begun.headers["location"], person))


def forward(answer: httpx.Response) -> str:
    (address,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    return unescape(address)


def word_of(page: str) -> str:
    (word,) = set(re.findall(r'name="word" value="([0-9a-f]+)"', page))
    return str(word)


async def until(status: int, ask: Callable[[], Awaitable[httpx.Response]]) -> None:
    async with asyncio.timeout(60):
        while True:
            if (await ask()).status_code == status:
                return
            await asyncio.sleep(0.2)


async def test_a_manager_sees_and_changes_what_their_team_has(
    client: Client, keycloak: Keycloak, town: list[Case], pool: Pool
) -> None:
    to_door = await client.get("/control/tasks", headers=BROWSER)
    assert to_door.headers["location"] == "/control/sign-in?next=/control/tasks"
    assert "Sign in with Keycloak" in (await client.get(to_door.headers["location"])).text
    begun = await client.get("/control/sign-in/provider?next=/control/tasks")
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    answer = await client.get(await at_provider(begun.headers["location"], "mia"))
    assert forward(answer) == "/control/tasks"
    cookies = answer.headers.get_list("set-cookie")
    assert any(
        one.startswith("fairlead_session=") and "HttpOnly" in one and "SameSite=strict" in one for one in cookies
    )

    account = (await client.get("/control/account")).text
    assert "mia" in account
    assert "dach, north" in account, "one by the office's table, one by a group"
    page = (await client.get("/control")).text
    assert "Spain and Portugal" not in page
    assert (await client.get("/control?team=iberia")).status_code == 404
    assert (await client.get("/control/operations")).status_code == 403
    # The API takes no cookies: a foreign page could make a browser send them.
    assert (await client.get("/v1/leads")).status_code == 401

    bearer = {"authorization": f"Bearer {keycloak.tokens('mia')['access_token']}"}
    mine = next(one for one in town if one.team == "dach")
    foreign = next(one for one in town if one.team == "iberia" and one.owner == "ana")
    for case, status in ((mine, 200), (foreign, 404)):
        told = await client.post(f"/v1/leads/{case.lead_id}/outcome", json={"converted": True}, headers=bearer)
        assert told.status_code == status
    async with pool.connection() as connection:
        rows = await (
            await connection.execute("SELECT actor FROM runtime.timeline WHERE action = 'outcome_recorded'")
        ).fetchall()
    assert [row["actor"] for row in rows] == ["mia, manager"]


async def test_what_comes_back_counts_once_and_for_who_was_sent_there(client: Client, make: MakeClient) -> None:
    for odd in ("https://evil.example/", "//evil.example", "/control\\@evil", "/v1/leads"):
        assert forward(await sign_in(client, "ada", odd)) == "/control"

    begun = await client.get("/control/sign-in/provider")
    flow = client.cookies["fairlead_sign_in"]
    callback = await at_provider(begun.headers["location"], "ada")
    other = await make()
    assert (await other.get(callback)).status_code == 403, "another browser"
    assert (await client.get(callback.replace("state=", "state=x"))).status_code == 403, "another state"
    assert (await client.get(callback)).status_code == 200
    assert "fairlead_sign_in" not in client.cookies
    session = {"cookie": f"fairlead_session={client.cookies['fairlead_session']}"}
    replayed = await other.get(callback, headers={"cookie": f"fairlead_sign_in={flow}"})
    assert replayed.status_code == 403
    assert "set-cookie" not in replayed.headers
    assert (await other.get("/control/account", headers=session)).status_code == 200, "the first session is over"

    # Somebody's own code, put into a sign-in that somebody else began: PKCE has it refused.
    theirs = parse_qs(
        urlsplit(await at_provider((await other.get("/control/sign-in/provider")).headers["location"], "olga")).query
    )
    began = await client.get("/control/sign-in/provider")
    (state,) = parse_qs(urlsplit(began.headers["location"]).query)["state"]
    injected = {"code": theirs["code"][0], "state": state}
    assert (await client.get("/control/sign-in/callback", params=injected)).status_code == 403
    no = await client.get("/control/sign-in/callback", params={"error": "access_denied", "state": state})
    assert no.status_code == 403


async def test_who_has_no_role_gets_no_session(client: Client) -> None:
    answer = await sign_in(client, "noah")
    assert answer.status_code == 403
    assert "none of your groups has a role here" in answer.text
    assert "fairlead_session" not in client.cookies
    again = await client.get("/control/sign-in/provider?anew=true")
    assert "prompt=login" in again.headers["location"]


async def test_access_tokens_open_the_api_and_forged_ones_do_not(client: Client, keycloak: Keycloak) -> None:
    async def status(token: str) -> int:
        return (await client.get("/v1/leads", headers={"authorization": f"Bearer {token}"})).status_code

    given = keycloak.tokens("ada")
    good = given["access_token"]
    assert await status(good) == 200
    foreign = keycloak.issuer.replace("127.0.0.1", "localhost")
    refused = forged(good, keycloak.keys()) | {
        "an ID token": given["id_token"],
        "a refresh token": given["refresh_token"],
        "made for another API": keycloak.tokens("ada", client="another")["access_token"],
        "another issuer, the same key": keycloak.tokens("ada", issuer=foreign)["access_token"],
    }
    for what, token in refused.items():
        assert await status(token) in {401, 429}, what
    assert await status(good) == 200


async def test_a_token_that_expired_opens_nothing(make: MakeClient, keycloak: Keycloak) -> None:
    client, lenient = await make(clock_skew_seconds=0), await make()
    token = keycloak.tokens("ada", client="brief")["access_token"]  # it holds for a second
    bearer = {"authorization": f"Bearer {token}"}
    await until(401, lambda: client.get("/v1/leads", headers=bearer))
    assert (await lenient.get("/v1/leads", headers=bearer)).status_code == 200, "clocks may differ a little"


async def test_a_role_that_is_taken_away_ends_at_the_next_check(make: MakeClient, keycloak: Keycloak) -> None:
    client = await make(role_check_seconds=1)
    await sign_in(client, "olga")
    word = word_of((await client.get("/control/operations")).text)
    (olga,) = keycloak.admin("GET", "/users?username=olga").json()
    (group,) = keycloak.admin("GET", f"/users/{olga['id']}/groups").json()
    member = f"/users/{olga['id']}/groups/{group['id']}"
    (analysts,) = keycloak.admin("GET", "/groups?search=analysts").json()
    keycloak.admin("PUT", f"/users/{olga['id']}/groups/{analysts['id']}")
    keycloak.admin("DELETE", member)
    try:
        sent = {"word": word, "what": "incidents", "key": "1", "why": "because"}
        await until(403, lambda: client.post("/control/operations", data=sent))
        page = await client.get("/control/operations")
        assert page.status_code == 200, "an analyst still reads"
        assert "<button" not in page.text, "and is offered nothing to do"
        keycloak.admin("DELETE", f"/users/{olga['id']}/groups/{analysts['id']}")
        await until(401, lambda: client.get("/control/operations"))
    finally:
        keycloak.admin("PUT", member)
    await sign_in(client, "olga")
    keycloak.admin("POST", f"/users/{olga['id']}/logout")
    await until(401, lambda: client.get("/control/operations"))


async def test_signing_out_ends_both_sessions_and_needs_our_form(
    client: Client, keycloak: Keycloak, pool: Pool
) -> None:
    await sign_in(client, "olga")
    cookie = {"cookie": f"fairlead_session={client.cookies['fairlead_session']}"}
    async with pool.connection() as connection:
        (kept,) = await (await connection.execute("SELECT kept FROM runtime.sessions")).fetchall()
    assert "ey" not in kept["kept"][:4], "tokens lie there unencrypted"
    page = (await client.get("/control/operations")).text
    for word in ("", "0" * 64):
        assert (await client.post("/control/sign-out", data={"word": word})).status_code == 403
        sent = {"word": word, "what": "incidents", "key": "1", "why": "because"}
        assert (await client.post("/control/operations", data=sent)).status_code == 403
    evil = {"origin": "https://evil.example"}
    assert (await client.post("/control/sign-out", data={"word": word_of(page)}, headers=evil)).status_code == 403

    out = await client.post("/control/sign-out", data={"word": word_of(page)})
    (olga,) = keycloak.admin("GET", "/users?username=olga").json()
    before = len(keycloak.admin("GET", f"/users/{olga['id']}/sessions").json())
    async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
        back = await browser.get(forward(out))
    assert back.headers["location"] == f"{GATEWAY}/control/signed-out"
    assert len(keycloak.admin("GET", f"/users/{olga['id']}/sessions").json()) == before - 1
    assert (await client.get("/control/operations", headers=cookie)).status_code == 401


async def test_a_new_key_of_the_provider_is_taken_at_once(
    client: Client, keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keycloak.tokens("ada")["access_token"]
    assert (await client.get("/v1/leads", headers={"authorization": f"Bearer {before}"})).status_code == 200
    (found,) = (keycloak.admin("GET", "").json()["id"],)
    keycloak.admin("POST", "/components", {
        "name": "newer", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": found,
        "config": {"priority": ["200"], "algorithm": ["RS256"]},
    })  # fmt: skip
    after = keycloak.tokens("ada")["access_token"]
    assert jwt.get_unverified_header(after)["kid"] != jwt.get_unverified_header(before)["kid"]
    monkeypatch.setattr(openid, "ASK_SECONDS", 0.0)
    for token in (after, before):
        assert (await client.get("/v1/leads", headers={"authorization": f"Bearer {token}"})).status_code == 200


async def test_in_a_browser(keycloak: Keycloak, town: list[Case], pool: Pool, tmp_path: Path) -> None:
    settings = settings_of(keycloak)
    settings.gateway.api_tokens = [ApiToken.model_validate("a-token-beside-the-provider")]
    async with open_browser() as browser, served(pool, settings, PORT):
        page, _ = await open_page(browser, GATEWAY)
        await page.goto(f"{GATEWAY}/control/tasks")
        await look_at(page, "sign_in", tmp_path)
        await page.get_by_role("link", name="Sign in with Keycloak").click()
        await page.get_by_label("Username or email").fill("mia")
        await page.get_by_role("textbox", name="Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign In").click()
        await page.wait_for_url(f"{GATEWAY}/control/tasks")
        await page.get_by_role("navigation").get_by_role("link", name="Today").click()
        await expect(page.get_by_label("Team").locator("option")).to_have_text(
            ["Germany, Austria, Switzerland", "north"]
        )
        await expect(page.get_by_role("link", name="Operations")).to_have_count(0)
        await page.get_by_role("link", name="Account").click()
        await expect(page.get_by_text("dach, north")).to_be_visible()
        for width in (1440, 360):
            await page.set_viewport_size({"width": width, "height": 900})
            await look_at(page, "account", tmp_path)
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{GATEWAY}/control/signed-out*")
        await look_at(page, "signed_out", tmp_path)
        await page.get_by_role("link", name="Sign in").click()
        await page.get_by_role("link", name="Sign in with Keycloak").click()
        await expect(page.get_by_label("Username or email")).to_be_visible()  # the provider forgot her too
        await page.close()
