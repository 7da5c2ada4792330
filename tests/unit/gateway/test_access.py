"""Roles and teams by tokens: every route says whom it is for, and gives nobody else anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from limits import RateLimitItemPerSecond
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from tests.unit.control_room.town import Case, read_town, settle
from tests.unit.gateway import test_gateway_forecasts as forecasts
from tests.unit.gateway import test_gateway_prioritisations as rankings
from tests.unit.gateway import test_gateway_quotas as quotas
from tests.unit.gateway.helpers import Board, Client, MakeClient, client_of
from workers.gateway import guard
from workers.gateway.access import Access, Rule
from workers.gateway.access_rules import RULES
from workers.gateway.app import ROUTES, create_app
from workers.gateway.guard import ConfigurationError, check_settings
from workers.runtime.database import Pool
from workers.settings import Gateway, Settings
from workers.settings_access import BY_TEAM, Role

TOKENS: Mapping[Role, str] = {role: f"the-token-of-the-{role}" for role in Role}
MANAGER = {"authorization": f"Bearer {TOKENS[Role.MANAGER]}"}
ANALYST = {"authorization": f"Bearer {TOKENS[Role.ANALYST]}"}
API = {"authorization": f"Bearer {TOKENS[Role.API]}"}


def tokens(teams: list[str]) -> list[dict[str, Any]]:
    """One for each role."""
    return [
        {"token": token, "name": f"the {role}", "roles": [role]} | ({"teams": teams} if role in BY_TEAM else {})
        for role, token in TOKENS.items()
    ]


@pytest.fixture
async def town(pool: Pool) -> list[Case]:
    """Leads of the teams dach and iberia, in the read model too."""
    return await read_town(pool, 40)


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    return await make_client(api_tokens=tokens(["dach", "north"]))


def test_every_route_says_whom_it_is_for() -> None:
    declared = {
        f"{method} {route.path}" for module in ROUTES for route in module.router.routes for method in route.methods
    }
    assert declared | {"GET /openapi.json"} == set(RULES), "write it into workers/gateway/access_rules.py"
    for name, rule in RULES.items():
        assert rule.roles or rule.why, name


GUARDED = [(name, rule) for name, rule in RULES.items() if rule.roles and name != "GET /control/events"]


async def ask(client: Client, name: str, token: str | None) -> int:
    method, _, path = name.partition(" ")
    address = re.sub(r"\{(\w+)(:path)?\}", lambda part: "1" if part[1] == "key" else "some", path)
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return (await client.request(method, address, headers=headers)).status_code


async def test_who_has_no_role_for_a_route_gets_nothing_of_it(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "WRONG_TOKENS", RateLimitItemPerSecond(1_000))
    client = await make_client(api_tokens=tokens(["*"]))
    for name, rule in GUARDED:
        assert await ask(client, name, None) == 401, name
        for role, token in TOKENS.items():
            status = await ask(client, name, token)
            assert (status == 403) == (role not in rule.roles), (name, role, status)
            assert status not in {401, 500}, (name, role)


async def test_who_sees_some_teams_gets_nothing_that_shows_all(client: Client) -> None:
    for name, rule in GUARDED:
        if Role.MANAGER in rule.roles:
            assert (await ask(client, name, TOKENS[Role.MANAGER]) == 403) == (not rule.by_team), name


async def test_a_route_without_a_rule_is_closed(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, "GET /v1/leads")
    client = await make_client()
    assert (await client.get("/v1/leads")).status_code == 403


async def test_a_plain_token_may_do_everything_as_before(make_client: MakeClient) -> None:
    client = await make_client(api_tokens=["a-token-of-some-length"])
    for name, _ in GUARDED:
        assert await ask(client, name, "a-token-of-some-length") not in {401, 403}, name


async def test_a_foreign_team_s_lead_is_as_if_it_were_not(client: Client, town: list[Case], pool: Pool) -> None:
    # A lead of another territory that one of the team's own reps has is theirs too.
    works_for_dach = {"ben", "cem", "dora"}
    own = {one.lead_id for one in town if one.team == "dach" or one.owner in works_for_dach}
    foreign = next(one for one in town if one.lead_id not in own)
    page = (await client.get("/v1/leads", params={"limit": 500}, headers=MANAGER)).json()
    assert {one["lead_id"] for one in page["leads"]} == own
    assert len((await client.get("/v1/leads", params={"limit": 500}, headers=ANALYST)).json()["leads"]) == len(town)

    def like(answer: Any, lead_id: str) -> tuple[int, str]:
        return answer.status_code, answer.text.replace(lead_id, "…")

    for method, path, body in (
        ("GET", "", None), ("POST", "/withdraw", {"why": "mine"}), ("POST", "/outcome", {"converted": True}),
    ):  # fmt: skip
        got = [
            like(await client.request(method, f"/v1/leads/{one}{path}", json=body, headers=MANAGER), one)
            for one in (foreign.lead_id, "lead-nowhere")
        ]
        assert got[0] == got[1]
        assert got[0][0] == 404
    assert not await forecasts.sql(pool, "SELECT FROM runtime.outbox")
    assert not await forecasts.sql(pool, "SELECT FROM runtime.timeline WHERE business_id = %s AND actor <> 'worker'",
                                   foreign.lead_id)  # fmt: skip


async def test_what_somebody_does_is_kept_with_their_name_and_role(
    client: Client, town: list[Case], pool: Pool
) -> None:
    mine = next(one for one in town if one.team == "dach" and one.state == "assigned")
    for headers in (MANAGER, API):
        given = {"converted": headers is MANAGER}
        assert (await client.post(f"/v1/leads/{mine.lead_id}/outcome", json=given, headers=headers)).status_code == 200
    rows = await forecasts.sql(pool, "SELECT actor FROM runtime.timeline WHERE action = 'outcome_recorded' ORDER BY id")
    assert [row["actor"] for row in rows] == ["the manager, manager", "the api, api"]


async def test_pages_show_the_own_team_only(client: Client, town: list[Case]) -> None:
    page = (await client.get("/control?period=24h", headers=MANAGER)).text
    mine = [one for one in town if one.team == "dach"]
    assert f'period=24h&amp;team=dach">{len(mine)}</a>' in page
    assert "Spain and Portugal" not in page
    assert "All teams" not in page
    assert "/control/operations" not in page
    foreign, nowhere = [await client.get(f"/control?team={team}", headers=MANAGER) for team in ("iberia", "nowhere")]
    assert (foreign.status_code, foreign.text) == (nowhere.status_code, nowhere.text)
    assert foreign.status_code == 404

    listed = (await client.get("/control/leads/leads", headers=MANAGER)).text
    assert set(re.findall(r"Firma (\d+) ", listed)) == {str(int(one.lead_id.rpartition("-")[2])) for one in mine}
    behind = (await client.get("/control/kpis/speed_to_lead_p95", headers=MANAGER)).text
    assert set(re.findall(r"Firma (\d+) ", behind)) == {
        str(int(one.lead_id.rpartition("-")[2])) for one in mine if one.accepted
    }
    assert (await client.get("/control/kpis/failure_rate", headers=MANAGER)).status_code == 404
    assert (await client.get("/control/leads/held?rep=ana", headers=MANAGER)).status_code == 404
    assert (await client.get("/control/leads/held?rep=ben", headers=MANAGER)).status_code == 200
    own_reps = {"ben", "cem", "dora"}
    for one in town:
        ours = one.team == "dach" or one.owner in own_reps
        assert (await client.get(f"/control/instances/{one.instance}", headers=MANAGER)).status_code == (
            200 if ours else 404
        )
        path = (await client.get(f"/control/instances/{one.instance}/path.json", headers=MANAGER)).json()
        assert bool(path) == ours
    closed = await client.get("/control/operations", headers=MANAGER | {"accept": "text/html"})
    assert closed.status_code == 403
    assert "some of them" in closed.text


async def test_a_manager_s_page_is_not_the_next_one_s(make_client: MakeClient, town: list[Case]) -> None:
    both = [
        {"token": f"the-token-of-{team}", "name": team, "roles": ["manager"], "teams": [team]}
        for team in ("dach", "iberia")
    ]
    client = await make_client(api_tokens=both)
    for team, other in (("dach", "iberia"), ("iberia", "dach")):
        page = (await client.get("/control", headers={"authorization": f"Bearer the-token-of-{team}"})).text
        assert f"team={team}" in page
        assert f"team={other}" not in page


async def test_promises_and_rankings_are_the_own_reps(client: Client, pool: Pool) -> None:
    await settle(pool)
    promise = {
        "subject_kind": "opportunity", "subject_id": "opp-1", "contact": "Eva Beispiel", "channel": "call",
        "promised_for": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
    }  # fmt: skip
    foreign, nobody = [
        await client.post("/v1/follow-ups", json=promise | {"rep_id": rep}, headers=MANAGER) for rep in ("ana", "xyz")
    ]
    assert foreign.text.replace("ana", "xyz") == nobody.text
    assert foreign.status_code == 422
    async with pool.connection() as connection:
        for rep in ("ana", "ben"):
            await connection.execute(
                "INSERT INTO selling.follow_ups (follow_up_id, subject_kind, subject_id, rep_id, contact, channel,"
                " promised_for, due_at, opened_at) VALUES (%s, 'lead', 'x', %s, 'Eva', 'call', now(), now(), now())",
                (f"of-{rep}", rep),
            )
    listed = (await client.get("/v1/follow-ups", headers=MANAGER)).json()["follow_ups"]
    assert [one["rep_id"] for one in listed] == ["ben"]
    for rep, status in (("ana", 404), ("ben", 200)):
        assert (await client.get(f"/v1/follow-ups/of-{rep}", headers=MANAGER)).status_code == status
        cancelled = await client.post(f"/v1/follow-ups/of-{rep}/cancel", json={"why": "no"}, headers=MANAGER)
        assert cancelled.status_code == (404 if rep == "ana" else 202)

    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO selling.organisations (id, name, territories) VALUES ('floor', 'F', '{dach}')"
        )
    await rankings.rank(pool, "done", "done")  # all of it is ana's
    assert (await client.get("/v1/prioritisations/done", headers=MANAGER)).status_code == 404
    await forecasts.sql(pool, "UPDATE selling.ranked SET rep_id = 'ben' WHERE opportunity_id = 'a'")
    shown = (await client.get("/v1/prioritisations/done", headers=MANAGER)).json()
    assert [one["opportunity_id"] for one in shown["opportunities"]] == ["a"]


async def test_forecasts_are_those_of_the_own_segments(client: Client, pool: Pool) -> None:
    await forecasts.sql(
        pool, "INSERT INTO forecasting.organisations (id, name, levels) VALUES ('shops', 'Shops', '{region,shop}')"
    )
    mine, other = await forecasts.publish(pool, "a"), await forecasts.publish(pool, "bb")
    for statement in (
        "ALTER TABLE forecasting.published_segments DISABLE TRIGGER ALL",  # a version is never changed
        "UPDATE forecasting.published_segments SET segment = replace(segment, 'north', 'south') WHERE version = 'bb.1'",
    ):
        await forecasts.sql(pool, statement)
    found = (await client.get(f"/v1/forecasts/{mine}", headers=MANAGER)).json()
    assert [one["segment"] for one in found["segments"]] == ["north/a", "north/b"]
    assert (found["facts"], found["card"]) == ({}, {}), "figures of the whole"
    assert (await client.get(f"/v1/forecasts/{other}", headers=MANAGER)).status_code == 404
    listed = (await client.get("/v1/forecasts", headers=MANAGER)).json()["forecasts"]
    assert [one["version"] for one in listed] == [mine]


async def test_quotas_are_those_of_the_own_unit_and_what_is_below_it(client: Client, pool: Pool) -> None:
    await quotas.found(pool)
    version = await quotas.publish(pool, "q")
    await forecasts.sql(
        pool,
        "INSERT INTO quotas.published (version, place, node, name, parent, level, quota, odds) VALUES"
        " (%(v)s, 1, 'top', 'Top', '', 'region', 9, 1), (%(v)s, 2, 'north', 'North', 'top', 'team', 5, 1),"
        " (%(v)s, 3, 'n1', 'Nora', 'north', 'rep', 5, 1)".replace("%(v)s", f"'{version}'"),
    )
    for node, parent in (("top", ""), ("north", "top"), ("n1", "north"), ("a1", "A")):
        await forecasts.sql(
            pool,
            "INSERT INTO quotas.cases (quota_id, node, place, facts, quota, first_quota) VALUES ('q', %s, 0, %s, 1, 1)",
            *(node, Jsonb({"name": node, "level": "rep", "parent": parent, "odds": 0.5})),
        )
        await forecasts.sql(
            pool,
            "INSERT INTO quotas.trail (quota_id, number, node, action, actor, at, seen, mac)"
            " VALUES ('q', (SELECT count(*) FROM quotas.trail), %s, 'looked', 'olga', now(), '{}', '')",
            node,
        )
    found = (await client.get(f"/v1/quota-versions/{version}", headers=MANAGER)).json()
    assert [one["node"] for one in found["quotas"]] == ["north", "n1"]
    assert len((await client.get("/v1/quota-versions", headers=MANAGER)).json()["versions"]) == 1
    review = (await client.get("/v1/quotas/q", headers=MANAGER)).json()
    assert {one["node"] for one in review["quotas"]} == {one["node"] for one in review["trail"]} == {"north", "n1"}
    assert review["review"]["quotas"] == 2

    wanted = {"organisation": "field", "period": "2027", "concerned": ["n1"], "change_percent": 20}
    foreign, nobody = [
        await client.post("/v1/quotas/adjustments", json=wanted | {"concerned": ["n1", node]}, headers=MANAGER)
        for node in ("a1", "nobody")
    ]
    assert (foreign.status_code, foreign.text) == (nobody.status_code, nobody.text)
    assert foreign.status_code == 404
    assert (await client.post("/v1/quotas/adjustments", json=wanted, headers=MANAGER)).status_code == 202
    await quotas.review(pool, "other", "stopped")  # nothing of it is theirs
    assert len((await client.get("/v1/quotas", headers=MANAGER)).json()["reviews"]) == 1
    assert (await client.get("/v1/quotas/other", headers=MANAGER)).status_code == 404


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ({"token": "x" * 16, "roles": ["api"]}, "needs a name"),
        ({"token": "x" * 16, "name": "crm"}, "needs roles"),
        ({"token": "x" * 16, "name": "crm", "roles": []}, "at least 1 item"),
        ({"token": "x" * 16, "name": "crm", "roles": ["king"]}, "Input should be"),
        ({"token": "x" * 16, "name": "mia", "roles": ["manager"]}, "needs teams"),
        ({"token": "x" * 16, "name": "policy:mine", "roles": ["api"]}, "should match pattern"),
    ],
)
def test_a_token_that_says_half_is_refused(token: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as error:
        Settings.model_validate({"gateway": {"api_tokens": [token]}})
    assert "x" * 16 not in str(error.value)


def test_two_tokens_of_one_name_are_refused() -> None:
    given = [{"token": letter * 16, "name": "crm", "roles": ["api"]} for letter in "ab"]
    with pytest.raises(ConfigurationError, match="same name"):
        check_settings(Settings(gateway=Gateway.model_validate({"api_tokens": given})), "127.0.0.1")


async def test_a_provider_that_is_away_stops_those_who_come_by_it_alone(pool: Pool, board: Board) -> None:
    given = {"issuer": "http://127.0.0.1:1", "client_id": "x", "audience": "api", "roles": {"analysts": "analyst"}}
    settings = Settings.model_validate({"openid": given, "gateway": {"api_tokens": tokens(["dach"])}})
    check_settings(settings, "0.0.0.0")
    async with client_of(create_app(settings, pool, board)) as client:
        assert (await client.get("/control/sign-in/provider")).status_code == 503
        access_token = jwt.encode({"sub": "x"}, "a secret that is long enough for HS256")
        away = await client.get("/v1/leads", headers={"authorization": f"Bearer {access_token}"})
        assert (away.status_code, away.json()["type"].rpartition(":")[2]) == (503, "provider-away")
        assert (await client.get("/v1/leads", headers=ANALYST)).status_code == 200
        assert (await client.get("/control/sign-in/callback?code=x&state=y")).status_code == 403


def test_a_rule_narrows_to_what_it_is_for() -> None:
    rule = Rule(frozenset({Role.MANAGER, Role.OPERATOR}), by_team=True)
    both = Access(frozenset({Role.MANAGER, Role.ANALYST}), ("dach",))
    assert rule.narrowed(both).roles == {Role.MANAGER}, "reading everything is not deciding everything"
