"""The control room's door and pages: who gets in, what a change needs, what a page may do, and what it says."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from tests.unit.control_room.engine_log import EngineLog
from tests.unit.control_room.town import NASTY, live, settle
from tests.unit.gateway.helpers import Board, Client, MakeClient, client_of
from workers.control_room.following import Follower
from workers.control_room.settling import Settling
from workers.gateway import live as live_module
from workers.gateway.app import create_app
from workers.gateway.mending import Desk
from workers.operations.model import Incident
from workers.runtime.database import Pool
from workers.settings import Gateway, Settings

TOKEN = "a-token-of-some-length"
BROWSER = {"accept": "text/html,application/xhtml+xml"}
PAGES = (
    "/control",
    "/control/leads/open",
    "/control/tasks",
    "/control/processes",
    "/control/processes/lead_routing/paths",
    "/control/processes/lead_routing/compare",
    "/control/what-if",
    "/control/operations",
    "/control/webhooks",
)
LOG = "/control/processes/lead_routing/log"


@pytest.fixture
async def log(pool: Pool) -> EngineLog:
    """The read model of a few hours."""
    found = EngineLog(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6))
    await settle(pool)
    await live(pool, found, leads=40)
    await Follower(pool, found).catch_up()
    await Settling(pool).catch_up()
    return found


async def sign_in(client: Client, token: str = TOKEN, next_: str = "/control") -> httpx.Response:
    return await client.post("/control/sign-in", data={"token": token, "next": next_})


def word_of(page: str) -> str:
    found = re.search(r'name="word" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


async def test_a_token_opens_the_pages_for_a_browser_and_for_a_program(make_client: MakeClient, log: EngineLog) -> None:
    client = await make_client(api_tokens=[TOKEN])
    for page in (*PAGES, LOG):
        sent = await client.get(page, headers=BROWSER)
        assert sent.status_code == 303
        assert sent.headers["location"].startswith("/control/sign-in?next=/control")
        assert (await client.get(page)).status_code == 401
        assert (await client.get(page, headers={"authorization": f"Bearer {TOKEN}"})).status_code == 200
    wrong = await sign_in(client, "another-token-of-some-length")
    assert wrong.status_code == 401
    assert "no valid token" in wrong.text
    assert "set-cookie" not in wrong.headers

    answer = await sign_in(client, next_="/control/processes?period=7d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/control/processes?period=7d")
    for part in ("HttpOnly", "SameSite=strict", "Path=/control"):
        assert part in answer.headers["set-cookie"]
    assert TOKEN not in answer.headers["set-cookie"]
    for page in PAGES:
        assert (await client.get(page, headers=BROWSER)).status_code == 200


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "/control\\@evil", "/v1/leads"])
async def test_signing_in_leads_to_our_own_pages_only(make_client: MakeClient, next_: str) -> None:
    client = await make_client(api_tokens=[TOKEN])
    assert (await sign_in(client, next_=next_)).headers["location"] == "/control"


async def test_a_forged_an_ended_and_a_withdrawn_session_get_nothing(
    pool: Pool, board: Board, make_client: MakeClient
) -> None:
    client = await make_client(api_tokens=[TOKEN])
    await sign_in(client)
    cookie = client.cookies["fairlead_session"]
    for forged in ("", "x", cookie[:-1], f"{cookie}x", "é" * 43, hashlib.sha256(cookie.encode()).hexdigest()):
        client.cookies.clear()
        answer = await client.get("/control/operations", headers={b"cookie": f"fairlead_session={forged}".encode()})
        assert answer.status_code == 401, forged
    held = {"cookie": f"fairlead_session={cookie}"}
    page = await client.get("/control/account", headers=held)
    assert page.status_code == 200

    settings = Settings(gateway=Gateway.model_validate({"api_tokens": ["one-that-was-made-since"]}))
    async with client_of(create_app(settings, pool, board)) as other:
        assert (await other.get("/control/operations", headers=held)).status_code == 401

    assert (await client.post("/control/sign-out", data={"word": ""}, headers=held)).status_code == 403
    out = await client.post("/control/sign-out", data={"word": word_of(page.text)}, headers=held)
    assert out.headers["location"] == "/control/signed-out"
    assert (await client.get("/control/operations", headers=held)).status_code == 401, (
        "a copy of the cookie still works"
    )


async def test_signing_in_again_gives_another_session_and_ends_the_one_before(make_client: MakeClient) -> None:
    client = await make_client(api_tokens=[TOKEN])
    await sign_in(client)
    first = client.cookies["fairlead_session"]
    await sign_in(client)
    assert client.cookies["fairlead_session"] != first
    client.cookies.clear()
    answer = await client.get("/control/operations", headers={"cookie": f"fairlead_session={first}"})
    assert answer.status_code == 401


async def test_a_session_ends(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_CONTROL_ROOM__SESSION_HOURS", "0.0003")  # one second
    client = await make_client(api_tokens=[TOKEN])
    await sign_in(client)
    cookie = client.cookies["fairlead_session"]
    client.cookies.clear()  # the browser would forget it by itself
    statuses = []
    async with asyncio.timeout(60):
        while 401 not in statuses:
            answer = await client.get("/control/operations", headers={"cookie": f"fairlead_session={cookie}"})
            statuses.append(answer.status_code)


async def test_without_tokens_only_this_machine_s_names_answer(client: Client) -> None:
    assert (await client.get("/control")).status_code == 200
    assert (await client.get("/control", headers={"host": "evil.example"})).status_code == 421


async def test_pages_run_our_own_scripts_only_and_ask_no_other_host(client: Client, log: EngineLog) -> None:
    instance = (await client.get("/control/leads/leads")).text.split('href="/control/instances/')[1].split('"')[0]
    for page in (*PAGES, f"/control/instances/{instance}", "/control/processes/lead_routing", "/control/sign-in"):
        answer = await client.get(page)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "default-src 'none'" in policy
        assert not re.search(r"<script(?![^>]* src=\"/control/static/)", answer.text), page
        assert not re.search(r"\son[a-z]+=", answer.text), page
        assert not re.search(
            r"(src|href|action)=\"(?!/|#|http://tasklist\.example|http://127\.0\.0\.1)", answer.text
        ), page
        for address in re.findall(r"(?:src|href)=\"(/control/static/[^\"]+)\"", answer.text):
            assert (await client.get(address)).status_code == 200, address
    assert (await client.get("/control/static/../rendering.py")).status_code == 404
    assert (await client.get("/control/static/..%2frendering.py")).status_code == 404


async def test_a_script_in_a_lead_s_name_stays_text(client: Client, log: EngineLog) -> None:
    page = (await client.get("/control/leads/leads")).text
    assert escape(NASTY, quote=True).replace("&#x27;", "&#39;") in page
    assert NASTY not in page


async def test_every_link_of_a_page_opens(client: Client, log: EngineLog) -> None:
    seen: set[str] = set()
    waiting = ["/control"]
    while waiting and len(seen) < 200:
        address = waiting.pop().replace("&amp;", "&")
        if address in seen:
            continue
        seen.add(address)
        answer = await client.get(address)
        assert answer.status_code == 200, address
        if answer.headers["content-type"].startswith("text/html"):
            waiting += re.findall(r"(?:href|data-diagram|data-figures)=\"(/control[^\"#]*)\"", answer.text)
    kinds = {re.sub(r"\d{6,}", "N", address.partition("?")[0]) for address in seen}
    assert {
        "/control/leads/met", "/control/tasks", "/control/kpis/sla_met", "/control/instances/N", "/control/instances/N/path.json", "/control/processes/lead_routing",
        "/control/processes/lead_routing/instances", "/control/processes/lead_routing/paths", LOG,
        "/control/processes/lead_routing/compare", "/control/processes/lead_routing/versions", "/control/diagrams/N.bpmn", "/control/diagrams/N/figures.json",
    } <= kinds  # fmt: skip


async def test_incidents_are_laid_over_the_diagram_by_number_and_rate(
    client: Client, log: EngineLog, pool: Pool
) -> None:
    async with pool.connection() as connection:
        found = await connection.execute(
            "SELECT process_key, (SELECT count(*) FROM control.incidents f WHERE f.element = e.element) AS n, count(*) AS begun"
            " FROM control.elements e WHERE element = 'write_owner' GROUP BY 1, 2"
        )
        (row,) = await found.fetchall()
    assert row["n"] > 0
    told = (await client.get(f"/control/diagrams/{row['process_key']}/figures.json?show=incidents")).json()
    assert told["write_owner"]["text"] == f"{row['n']} · {100 * row['n'] / row['begun']:.1f} %"
    assert told["write_owner"]["shade"] == 5


async def test_event_logs_are_written_for_two_at_a_time(client: Client, log: EngineLog) -> None:
    answer = await client.get(f"{LOG}?format=ocel")
    assert answer.headers["content-disposition"] == 'attachment; filename="lead_routing_24h.ocel2.json"'
    assert sum(one["type"] == "process_instance" for one in answer.json()["objects"]) == 40
    exporting = client._transport.app.state.parts.exporting  # type: ignore[attr-defined]  # httpx keeps it there
    async with exporting, exporting:
        busy = await client.get(LOG)
        assert busy.status_code == 503
        assert "logs-under-way" in busy.text
    assert (await client.get(LOG)).status_code == 200


async def test_wrong_addresses_are_answered_plainly(client: Client, log: EngineLog) -> None:
    for page, status in (
        ("/control/leads/nothing", 404), ("/control/instances/1", 404), ("/control/processes/nothing", 404),
        ("/control/processes/lead_routing?version=99", 404), ("/control/diagrams/1.bpmn", 404),
        ("/control/processes/lead_routing/instances?version=1&chosen=nothing", 404), ("/control?period=1y", 422),
        ("/control/processes/nothing/paths", 404), ("/control/processes/lead_routing/paths?version=99", 404),
        ("/control/processes/nothing/compare", 404), (f"{LOG}?format=csv", 422),
        ("/control/instances/9999999999999999999999", 422), ("/control?team=%00", 422),
        ("/control/kpis/nothing", 404), ("/control/kpis/tasks_late?team=dach", 404), ("/control/tasks?age=4", 422),
    ):  # fmt: skip
        assert (await client.get(page)).status_code == status, page
    assert (await client.get("/control?team=nowhere")).status_code == 200


class Workshop:
    """Stands for the cluster, which needs the whole local stack; see tests/stack for the real one."""

    def __init__(self) -> None:
        self.resolved: list[tuple[int, int | None]] = []
        self.set: list[Mapping[str, Any]] = []

    async def open_incidents(self, limit: int) -> list[Incident]:
        raise AssertionError("the page acts on what it showed")

    async def with_business_ids(self, items: Sequence[Incident]) -> list[Incident]:
        return list(items)

    async def set_variables(self, element_instance_key: int, variables: Mapping[str, Any]) -> None:
        self.set.append(variables)

    async def resolve_incident(self, incident_key: int, *, job_key: int | None = None, retries: int = 1) -> None:
        self.resolved.append((incident_key, job_key))


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
async def operator(pool: Pool, board: Board, workshop: Workshop) -> AsyncIterator[Client]:
    @asynccontextmanager
    async def desk() -> AsyncIterator[Desk]:
        yield Desk(workshop, workshop)

    open_: Callable[[], AbstractAsyncContextManager[Desk]] = desk
    settings = Settings(gateway=Gateway.model_validate({"api_tokens": [TOKEN], "rate_per_second": 10_000}))
    async with client_of(create_app(settings, pool, board, open_)) as client:
        await sign_in(client)
        yield client


async def test_an_incident_is_tried_again_with_a_reason_and_a_record(
    pool: Pool, log: EngineLog, operator: Client, workshop: Workshop
) -> None:
    page = (await operator.get("/control/operations")).text
    (key, *_) = re.findall(r'name="key" value="(\d+)"', page)
    sent = {"word": word_of(page), "what": "incidents", "key": key, "why": "The CRM is back.", "by": "Olga"}
    done = await operator.post("/control/operations", data=sent)
    assert done.status_code == 200
    assert "1 of 1 done" in done.text
    assert [one[0] for one in workshop.resolved] == [int(key)]
    corrected = await operator.post("/control/operations", data=sent | {"variables": '{"country": "DE"}'})
    assert corrected.status_code == 200
    assert workshop.set == [{"country": "DE"}]
    async with pool.connection() as connection:
        rows = await (await connection.execute("SELECT * FROM runtime.audit ORDER BY id")).fetchall()
    assert [(row["action"], row["outcome"], row["why"]) for row in rows] == [
        ("incident.retry", "done", "The CRM is back."),
        ("incident.resolve", "done", "The CRM is back."),
    ]
    assert re.fullmatch(r"Olga \(api token [0-9a-f]{8}\)", rows[0]["actor"])


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"word": ""}, 403), ({"word": "0" * 64}, 403), ({"why": ""}, 422), ({"key": ""}, 422), ({"key": "1;2"}, 422),
        ({"by": "policy:mine"}, 422), ({"variables": "[1]"}, 422), ({"what": "dead letters", "how": "burn"}, 422),
    ],
)  # fmt: skip
async def test_a_change_that_is_not_wholly_asked_for_does_nothing(
    pool: Pool, log: EngineLog, operator: Client, workshop: Workshop, changed: dict[str, str], status: int
) -> None:
    page = (await operator.get("/control/operations")).text
    (key, *_) = re.findall(r'name="key" value="(\d+)"', page)
    sent = {"word": word_of(page), "what": "incidents", "key": key, "why": "because"} | changed
    assert (await operator.post("/control/operations", data=sent)).status_code == status
    foreign = await operator.post(
        "/control/operations", data=sent | {"word": word_of(page)}, headers={"origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    assert not workshop.resolved
    async with pool.connection() as connection:
        assert not await (await connection.execute("SELECT FROM runtime.audit")).fetchall()


async def test_another_s_form_is_not_taken(pool: Pool, board: Board, log: EngineLog) -> None:
    settings = Settings(gateway=Gateway.model_validate({"api_tokens": [TOKEN, "the-token-of-another"]}))
    async with client_of(create_app(settings, pool, board)) as client:
        await sign_in(client, "the-token-of-another")
        word = word_of((await client.get("/control/operations")).text)
        await sign_in(client)
        sent = {"word": word, "what": "incidents", "key": "1", "why": "because"}
        assert (await client.post("/control/operations", data=sent)).status_code == 403


async def test_dead_letters_are_sent_again_done_by_hand_or_given_up(
    pool: Pool, log: EngineLog, operator: Client
) -> None:
    async with pool.connection() as connection:
        for number in (1, 2, 3):
            await connection.execute(
                "INSERT INTO runtime.dead_letters (id, channel, business_id, external_id, payload, created_at, tries, reason)"
                " VALUES (%s, 'crm.lead', %s, %s, '{}', now(), 5, 'HTTP 409')",
                (number, f"lead-000{number}", f"crm/{number}"),
            )
        known = await (
            await connection.execute(
                "SELECT process_instance_key AS key FROM routing.leads WHERE lead_id = 'lead-0001'"
            )
        ).fetchone()
    assert known is not None
    page = (await operator.get("/control/operations")).text
    assert f'<a href="/control/instances/{known["key"]}">lead-0001</a>' in page
    for number, how in ((1, "retry"), (2, "resolve"), (3, "skip")):
        sent = {"word": word_of(page), "what": "dead letters", "key": str(number), "how": how, "why": "looked at"}
        assert "1 of 1 done" in (await operator.post("/control/operations", data=sent)).text
    async with pool.connection() as connection:
        sent_again = await (await connection.execute("SELECT id FROM runtime.outbox")).fetchall()
        settled = await (
            await connection.execute("SELECT id, settled_how FROM runtime.dead_letters ORDER BY id")
        ).fetchall()
    assert [row["id"] for row in sent_again] == [1]
    assert [(row["id"], row["settled_how"]) for row in settled] == [(2, "done by hand"), (3, "given up")]


async def test_figures_of_a_day_are_read_anew_after_a_change(
    client: Client, log: EngineLog, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "FRESH_SECONDS", 1_000.0)
    app = client._transport.app  # type: ignore[attr-defined]  # httpx keeps it there
    before = (await client.get("/control")).text
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM routing.assignments")
        await connection.execute("DELETE FROM routing.leads")
    assert (await client.get("/control")).text == before, "read a moment ago"
    app.state.parts.shared._pace.told(1)  # as its look does
    assert (await client.get("/control")).text != before


async def test_self_healing_is_shown_and_switched(pool: Pool, operator: Client) -> None:
    case = (
        "INSERT INTO healing.cases (subject, symptom, business_id, process, task, since, state, rule, why, attempts, last_at,"
        " ended_at) VALUES (%s, %s, %s, 'lead_routing', 'accept_lead', now() - interval '5 minutes', %s, %s, %s, 1, now(), %s)"
    )
    async with pool.connection() as connection:
        for given in (
            ("lead:1", "owner_left", "lead-one", "healed", "owner-left", "The next one is asked.", "now"),
            ("job:2", "incident", "lead-two", "given_up", "crm-incident", "<b>Tried 6 times in vain.</b>", None),
        ):
            await connection.execute(case, given)
    page = (await operator.get("/control/operations")).text
    assert "lead-one" in page
    assert "&lt;b&gt;Tried 6 times in vain." in page
    sent = {"word": word_of(page), "what": "healing", "how": "off", "why": "We move the CRM.", "by": "Olga"}
    assert (await operator.post("/control/operations", data=sent | {"why": ""})).status_code == 422
    assert (await operator.post("/control/operations", data=sent | {"how": "perhaps"})).status_code == 422
    off = (await operator.post("/control/operations", data=sent)).text
    assert "1 of 1 done" in off
    assert "We move the CRM." in off
    assert "it is off already" in (await operator.post("/control/operations", data=sent)).text
    assert "Switch it off" in (await operator.post("/control/operations", data=sent | {"how": "on"})).text


async def test_an_instance_leads_to_its_traces(
    pool: Pool, log: EngineLog, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with pool.connection() as connection:
        row = await (
            await connection.execute(
                "INSERT INTO runtime.effects (business_id, element_id, task, process_instance_key, element_instance_key,"
                " job_key, traceparent) SELECT business_id, 'assign_owner', 't', process_instance_key, 1, 1, %s"
                " FROM runtime.timeline JOIN control.instances i ON i.key = process_instance_key LIMIT 1"
                " RETURNING process_instance_key AS key",
                (f"00-{trace}-00f067aa0ba902b7-01",),
            )
        ).fetchone()
    assert row is not None
    address = f"/control/instances/{row['key']}"
    assert trace not in (await (await make_client()).get(address)).text, "nobody said where"
    monkeypatch.setenv("FAIRLEAD_CONTROL_ROOM__TRACE_URL", "http://jaeger.example/trace/{trace_id}")
    page = (await (await make_client()).get(address)).text
    assert f'href="http://jaeger.example/trace/{trace}"' in page
    monkeypatch.setenv("FAIRLEAD_CONTROL_ROOM__TRACE_URL", "http://jaeger.example/")
    with pytest.raises(ValidationError, match="trace_id"):
        Settings()
