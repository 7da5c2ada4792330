"""Who sees some teams sees forecasts, quotas and territories as if there were nothing else: on the pages and over the API."""

from __future__ import annotations

import re
from html import unescape

import psycopg
import pytest

from tests.unit.gateway.helpers import Client, MakeClient
from tests.unit.gateway.test_control_planning import SECRET, SUMS, VERSION, page_of, rows, sql, texts, tile
from workers.bench.control_room_field import ALIGNMENT, REVIEW
from workers.bench.control_room_planning import VERSIONS, fill_planning
from workers.runtime.database import Pool

FORECAST, QUOTAS, TERRITORIES = (
    f"/control/forecasts/{VERSION}", f"/control/quotas/{REVIEW}", f"/control/territories/{ALIGNMENT}",
)  # fmt: skip
TEAMS = {"mia": ["state-1", "T001", "R1"], "max": ["T001", "T003", "state-1", "state-2"], "nora": ["nowhere"]}


@pytest.fixture
async def client(make_client: MakeClient, dsn: str) -> Client:
    """A gateway on an organisation of 120 reps in three regions, 24 series and 240 accounts; Mia's token is on."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        fill_planning(connection, 120, 24, 240, SECRET.encode())
    tokens = [
        {"token": f"the-token-of-{name}", "name": name, "roles": ["manager"], "teams": teams}
        for name, teams in TEAMS.items()
    ]
    return as_(await make_client(link_secret=SECRET, api_tokens=tokens), "mia")


def as_(client: Client, name: str) -> Client:
    client.headers["authorization"] = f"Bearer the-token-of-{name}"
    return client


def named(page: str, pattern: str) -> set[str]:
    """What of a kind a page names, wherever."""
    return set(re.findall(rf"\b{pattern}\b", unescape(page)))


async def test_a_forecast_is_that_of_their_units(pool: Pool, client: Client) -> None:
    listed = await page_of(client, "/control/forecasts")
    assert all(version in listed for version in VERSIONS)
    assert "Total" not in listed
    page = await page_of(client, FORECAST)
    assert "<h1>Shops, state-1</h1>" in page
    assert "Cut to R1, T001, state-1" in page
    whole, *parts = await sql(pool, SUMS, VERSION)
    figures = {one["segment"]: f"{one['final']:.0f}" for one in parts}
    own = {name: figure for name, figure in figures.items() if name.startswith("state-1")}
    assert f"Forecast {own['state-1']} " in tile(page, "Forecast")
    assert [row[1] for row in rows(page, "What it adds up from")] == list(own.values())
    assert named(page, r"state-\d") == {"state-1"}
    assert f"{whole['final']:.0f}" not in texts(page)
    assert "Sums across" not in page
    assert "Your units by step" in page
    assert "/control/instances/" not in page
    for address in ("segment=total", "segment=state-0", "segment=*/shop-00"):
        assert (await client.get(f"{FORECAST}?{address}")).status_code == 404
    foreign, nowhere = [texts((await client.get(f"{FORECAST}?team={one}")).text) for one in ("state-0", "nowhere")]
    assert foreign.replace("state-0", "nowhere") == nowhere
    assert "No segment of yours is called nowhere." in nowhere

    page = await page_of(as_(client, "max"), FORECAST)
    assert [row[0].split()[0] for row in rows(page, "Your other units")] == ["state-2"]


async def test_quotas_are_those_of_their_units(pool: Pool, client: Client) -> None:
    cases = await sql(pool, "SELECT node, facts->>'parent' AS parent, state FROM quotas.cases")
    own = {one["node"]: one["state"] for one in cases if "T001" in (one["node"], one["parent"])}
    assert len(own) == 11
    listed = await page_of(client, "/control/quotas")
    assert [row[4] for row in rows(listed, "of-1")] == ["11", "0"], "of the former one only what was published is there"
    page = await page_of(client, QUOTAS)
    assert "<h1>Team 1, 2027</h1>" in page
    assert len(rows(page, "units")) == 11
    assert f"Wait for people {list(own.values()).count('waiting')} " in tile(page, "Wait for people")
    assert "adds up to the cent in all 11" in tile(page, "Over-assignment")
    assert "reps attain" not in page
    assert named(page, r"Team \d+") == {"Team 1"}
    assert not named(page, r"(?:Country|Region) \d+|The company")
    assert {row[4] for row in rows(page, "trail")} <= {"Team 1", *(f"Person {number}" for number in range(10, 20))}
    assert "all 11 rows are as they were signed" in texts(page)
    for node in ("company", "C00", "T002", "P00020"):
        assert (await client.get(f"{QUOTAS}?node={node}")).status_code == 404

    page = await page_of(as_(client, "max"), QUOTAS)
    assert "Yours: Team 1 , Team 3 ." in texts(page)
    assert "<h1>Team 3, 2027</h1>" in await page_of(client, f"{QUOTAS}?node=T003")


async def test_territories_are_those_of_their_regions(pool: Pool, client: Client) -> None:
    assert "Change hands" not in await page_of(client, "/control/territories")
    page = await page_of(client, TERRITORIES)
    assert {row[0].split()[2] for row in rows(page, "reps")} == {f"P{number:05}" for number in range(50, 100)}
    assert "<h1>R1, " in page
    assert 'id="scenarios"' not in page
    assert "<img class" not in page
    assert named(page, r"R\d") == {"R1"}
    (moved,) = await sql(
        pool,
        "SELECT count(*) AS n FROM territories.plan_accounts p WHERE version = 'bench-plan-2' AND rep <> owner AND EXISTS"
        " (SELECT FROM territories.reps r WHERE r.rep IN (p.rep, p.owner) AND r.region = 'R1')",
    )
    assert len(rows(page, "moves")) == moved["n"] > 0
    assert (await client.get(f"{TERRITORIES}?region=R0")).status_code == 404
    (every,) = await sql(
        pool,
        "SELECT count(*) AS n FROM territories.plan_accounts p WHERE version = 'bench-plan-2' AND EXISTS"
        " (SELECT FROM territories.reps r WHERE r.rep IN (p.rep, p.owner) AND r.region = 'R1')",
    )
    sheets = re.findall(r'<svg class="map drawn".*?</svg>', page, re.DOTALL)
    owners = {"Today": "owner", "Edited": "rep"}
    for (title, whose), sheet in zip(owners.items(), sheets, strict=True):
        assert f'aria-label="Map: {title}"' in sheet
        dots = {name: len(re.findall("h0", group)) for name, group in re.findall(r"<title>([^<,]+)</title>((?:<path stroke-width[^>]+></path>)+)", sheet)}  # fmt: skip
        counted = await sql(
            pool,
            f"SELECT p.{whose} AS rep, count(*) AS n FROM territories.plan_accounts p JOIN territories.reps r"
            f" ON r.rep = p.{whose} AND r.region = 'R1' WHERE version = 'bench-plan-2' GROUP BY 1",
        )
        own = {one["rep"]: one["n"] for one in counted}
        others = every["n"] - sum(own.values())
        assert dots == own | ({"others or nobody": others} if others else {})
        assert len(re.findall(r'class="home"', sheet)) == 50, "nobody else's"
    # What has no place on earth is on no map.
    await sql(pool, "UPDATE territories.accounts SET latitude = 'NaN'")
    assert '<svg class="map' not in await page_of(client, TERRITORIES)


async def test_the_api_cuts_the_same(pool: Pool, client: Client) -> None:
    await sql(
        pool,
        "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES"
        " ('bench_shops-3', 'ana', 'reviewed', 'Mine.', '{\"segment\": \"state-1/shop-00\"}'),"
        " ('bench_shops-3', 'ana', 'reviewed', 'Theirs.', '{\"segment\": \"state-0/shop-00\"}'),"
        " ('bench_shops-3', 'worker', 'composed', 'The total is 47.', '{\"total\": 47}')",
    )
    await sql(
        pool,
        "INSERT INTO forecasting.collections (history_id, forecast_id, organisation, raw_digest, content, problems)"
        " VALUES ('h', 'bench_shops-3', 'bench_shops', '', '', '[[\"file\", \"r\", \"t\", \"state-1/shop-00\"],"
        ' ["file", "r", "t", "state-0/shop-00"]]\')',
    )
    judged = (await client.get(f"/v1/forecasts/{VERSION}/accuracy")).json()
    assert {one["segments"] for one in judged["steps"]} == {3}
    assert judged["people"] == [], "whose change is of state-0"
    compared = (await client.get(f"/v1/forecasts/{VERSIONS[1]}/compare/{VERSION}")).json()
    assert {one["segment"].split("/")[0] for one in compared["changes"]} == {"state-1"}
    story = (await client.get("/v1/reviews/bench_shops-3")).json()
    assert [(one["action"], one["why"], one["facts"]) for one in story["timeline"] if one["actor"] != "olga"] == [
        ("reviewed", "Mine.", {"segment": "state-1/shop-00"}), ("composed", "", {}),
    ]  # fmt: skip
    found = (await client.get("/v1/reviews/bench_shops-3/findings")).json()
    assert [one["segment"] for one in found["left_out"]] == ["state-1/shop-00"]
    assert found["left_out_count"] == 1

    alignment = (await client.get(f"/v1/alignments/{ALIGNMENT}")).json()
    assert [one["card"] for one in alignment["scenarios"]] == [{}, {}]
    assert len((await client.get("/v1/alignments")).json()["alignments"]) == 1
    await sql(
        pool,
        "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version, effective_from,"
        " facts) VALUES ('v', %s, 1, 'bench_field', 'bench-plan-2', '2027-01-01', '{\"changed\": 9}')",
        ALIGNMENT,
    )
    version = (await client.get("/v1/territories/v?limit=2000")).json()
    (accounts,) = await sql(
        pool,
        "SELECT count(*) AS n FROM territories.plan_accounts p WHERE version = 'bench-plan-2' AND EXISTS"
        " (SELECT FROM territories.reps r WHERE r.rep IN (p.rep, p.owner) AND r.region = 'R1')",
    )
    assert len(version["accounts"]) == accounts["n"] < 240
    assert (version["picture"], version["version"]["facts"]) == ("", {})
    assert [one["version"] for one in (await client.get("/v1/territories?organisation=bench_field")).json()["versions"]] == ["v"]  # fmt: skip
    assert "Change hands" not in await page_of(client, "/control/territories")


async def test_who_has_nothing_there_gets_what_is_answered_of_the_unknown(client: Client) -> None:
    as_(client, "nora")
    for name, says in (("forecasts", "No forecast has"), ("quotas", "No quotas are"), ("territories", "No region")):
        assert says in await page_of(client, f"/control/{name}")
    for address, one in (
        ("/control/forecasts/{}", VERSION), ("/control/quotas/{}", REVIEW), ("/control/territories/{}", ALIGNMENT),
        ("/v1/forecasts/{}/accuracy", VERSION), ("/v1/reviews/{}", "bench_shops-3"), ("/v1/alignments/{}", ALIGNMENT),
        ("/v1/reviews/{}/findings", "bench_shops-3"), ("/v1/forecasts/{}/compare/{}", VERSION),
    ):  # fmt: skip
        foreign, unknown = [await client.get(address.format(name, name)) for name in (one, "none")]
        assert (foreign.status_code, foreign.text.replace(one, "none")) == (404, unknown.text), address
    assert (await client.get("/v1/territories?organisation=bench_field")).json() == {"versions": []}


async def test_today_leads_to_what_is_theirs_and_every_link_opens(client: Client) -> None:
    assert "Odds of quota 2026, Field, Team 1" in texts(await page_of(client, "/control?team=T001"))
    today = await page_of(client, "/control?team=state-1")
    assert "Forecast 2026-Q2, Shops, state-1" in texts(today)
    assert "Outlook" not in today, "it is of the whole quota"
    assert re.findall(r'<option value="([^"]*)"', today.split('id="team"')[1].split("</select>")[0]) == TEAMS["mia"][2:] + TEAMS["mia"][1:2] + TEAMS["mia"][:1]  # fmt: skip
    seen: set[str] = set()
    waiting = ["/control?team=state-1", "/control/forecasts", "/control/quotas", "/control/territories"]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        page = await page_of(client, address)
        assert not named(page, r"state-[02-7]|T00[02-9]|The company|R0"), address
        for link in re.findall(r"href=\"([^\"#]+)[^\"]*\"", page):
            found = unescape(link)
            if found.startswith("?"):
                waiting.append(address.partition("?")[0] + found)
            elif re.match(r"/control/(forecasts|quotas|territories)", found):
                waiting.append(found)
    assert {one.split("?")[0] for one in seen} >= {FORECAST, QUOTAS, TERRITORIES}
