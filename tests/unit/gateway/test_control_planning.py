"""The pages for sales managers say what the tables say, also when there is nothing, and whatever names people give."""

from __future__ import annotations

import re
from collections import Counter
from html import escape, unescape
from typing import Any

import psycopg
import pytest

from tests.unit.control_room.town import NASTY
from tests.unit.gateway.helpers import Client, MakeClient
from workers.bench.control_room_field import ALIGNMENT, FIELD, FORMER, PLANS, REVIEW
from workers.bench.control_room_planning import AHEAD, CAME, INSTANCES, VERSIONS, fill_planning
from workers.control_room.rendering import UNKNOWN
from workers.runtime.database import Pool

SECRET = "of these tests alone, and so long enough"
VERSION = VERSIONS[-1]


async def sql(pool: Pool, query: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description is not None else []


@pytest.fixture
async def manager(make_client: MakeClient, dsn: str) -> Client:
    """A client of a gateway on an organisation that plans: 30 reps, 12 series, 90 accounts."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        fill_planning(connection, 30, 12, 90, SECRET.encode())
    return await make_client(link_secret=SECRET)


async def page_of(client: Client, address: str) -> str:
    answer = await client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.text[:300]}"
    return answer.text


def texts(html: str) -> str:
    """What a reader sees, spaces made one."""
    text = unescape(re.sub(r"<[^>]+>", " ", html)).replace("\N{NARROW NO-BREAK SPACE}", "")
    return " ".join(text.split())


def tile(page: str, title: str) -> str:
    """The text of a tile."""
    found = re.search(rf"<div class=\"tile[^\"]*\"><h2>{re.escape(title)}.*?</div>", page, re.DOTALL)
    assert found is not None, f"no tile {title}"
    return texts(found[0])


def rows(page: str, label: str) -> list[list[str]]:
    """The cells of the table in a region, each as text."""
    region = re.search(rf"aria-label(?:ledby)?=\"{label}\">\s*<table.*?</table>", page, re.DOTALL)
    assert region is not None, f"no table {label}"
    body = region[0].split("<tbody>")[1]
    return [[texts(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]  # fmt: skip


SUMS = """
    SELECT s.segment, sum(f.final) AS final, sum(f.lo80) AS low, sum(f.hi80) AS high,
        (SELECT sum(value) FROM forecasting.sales a WHERE to_char(a.month, 'YYYY-MM') = ANY(p.months)
         AND (s.level = 'total' OR a.segment = s.segment OR a.segment LIKE s.segment || '/%%')) AS actual
    FROM forecasting.publications p JOIN forecasting.published_segments s USING (version),
        unnest(s.final, s.lo80, s.hi80) AS f (final, lo80, hi80)
    WHERE version = %s AND s.segment NOT LIKE '*%%' GROUP BY s.segment, s.level, p.months, s.place ORDER BY s.place
"""


async def test_a_forecast_s_figures_are_those_of_plain_sql(pool: Pool, manager: Client) -> None:
    page = await page_of(manager, f"/control/forecasts/{VERSION}")
    whole, *parts = await sql(pool, SUMS, VERSION)
    assert f"Forecast {whole['final']:.0f} " in tile(page, "Forecast")
    assert f"80 %: {whole['low']:.0f} to {whole['high']:.0f}" in tile(page, "Forecast")
    assert f"Actual so far {whole['actual']:.0f} " in tile(page, "Actual so far")
    _, *shown = rows(page, "What it adds up from")
    in_tree = sorted(parts, key=lambda part: part["segment"])  # each state, then its shops
    for row, part in zip(shown, in_tree, strict=True):
        assert row[0].split()[0] == part["segment"].rpartition("/")[2]
        assert row[1] == f"{part['final']:.0f}"
        assert row[3].startswith(f"{part['actual']:.0f} {CAME} of {AHEAD} months")
    assert "adds up" in page
    assert len(rows(page, "Sums across the units")) == 2
    (both,) = await sql(
        pool,
        "SELECT sum(n.f) AS now, sum(o.f) AS before FROM (SELECT month, f FROM forecasting.published_segments"
        " JOIN forecasting.publications USING (version), unnest(months, final) AS x (month, f)"
        " WHERE version = %s AND segment = 'total') n JOIN (SELECT month, f FROM forecasting.published_segments"
        " JOIN forecasting.publications USING (version), unnest(months, final) AS x (month, f)"
        " WHERE version = %s AND segment = 'total') o USING (month)",
        *(VERSION, VERSIONS[1]),
    )
    before = tile(page, "Against the version before")
    assert f"{100 * (both['now'] / both['before'] - 1):+.1f} %" in before
    assert f"{both['before']:.0f} then, {both['now']:.0f} now" in before
    listed = rows(await page_of(manager, "/control/forecasts"), "of-1")
    assert [row[4:7] for row in listed] == [["1000000", "+1.0 %", "1"]] * len(VERSIONS)


async def test_a_unit_in_a_quarter_has_its_months_its_changes_and_their_later_value(
    pool: Pool, manager: Client
) -> None:
    page = await page_of(manager, f"/control/forecasts/{VERSION}?segment=state-0&months=2026-Q2")
    months = await sql(
        pool,
        "SELECT month, f, lo, (SELECT sum(value) FROM forecasting.sales WHERE segment LIKE 'state-0/%%'"
        " AND to_char(sales.month, 'YYYY-MM') = x.month) AS actual FROM forecasting.published_segments"
        " JOIN forecasting.publications USING (version), unnest(months, final, lo80) AS x (month, f, lo)"
        " WHERE version = %s AND segment = 'state-0'",
        VERSION,
    )
    for row, month in zip(rows(page, "months-of"), months, strict=True):
        assert row[:2] == [month["month"], f"{month['f']:.1f}"]
        assert row[3].startswith(f"{month['lo']:.1f} to ")
        assert row[6] == (f"{month['actual']:.1f}" if month["actual"] else UNKNOWN)
    quarter = sum(month["f"] for month in months[3:6])
    assert f"Forecast {quarter:.1f} " in tile(page, "Forecast")
    assert tile(page, "Actual so far").startswith(f"Actual so far {months[3]['actual']:.1f} ")  # April alone
    (changed,) = rows(page, "overrides")
    assert changed[0] == "state-0/shop-00"
    assert "+5.0 %" in changed[2]
    assert changed[5] == "+1.5 points 5.0 → 3.5 % until 2026-04"
    other = await page_of(manager, f"/control/forecasts/{VERSION}?segment=state-1")
    assert "Nobody changed anything here." in other


async def test_what_the_models_say_of_people_is_not_judged_before_it_came(pool: Pool, manager: Client) -> None:
    await sql(pool, "DELETE FROM forecasting.judged")
    page = await page_of(manager, f"/control/forecasts/{VERSION}")
    assert rows(page, "overrides")[0][5] == "nothing came yet"
    assert "Nothing was held against sales yet" in page


async def test_an_outlook_is_what_came_and_what_is_forecast_of_the_quota_s_months(pool: Pool, manager: Client) -> None:
    (quota,) = await sql(pool, "SELECT quota FROM quotas.published WHERE node = 'company'")
    (came,) = await sql(
        pool, "SELECT sum(value) AS total FROM forecasting.sales WHERE month BETWEEN '2026-01-01' AND '2026-12-31'"
    )
    (ahead,) = await sql(
        pool,
        "SELECT sum(f) AS total FROM forecasting.published_segments JOIN forecasting.publications USING (version),"
        " unnest(months, final) AS x (month, f) WHERE version = %s AND segment = 'total' AND month > '2026-04'",
        VERSION,
    )
    share = 100 * 100 * (came["total"] + ahead["total"]) / quota["quota"]
    page = await page_of(manager, f"/control/forecasts/{VERSION}")
    assert f"{share:.1f} %" in tile(page, "Quota 2026, Field")
    today = await page_of(manager, "/control")
    assert f"{share:.1f} %" in tile(today, "Outlook 2026 of its quota, Field")
    # A month of which nothing is known is told, and no share is made of the rest.
    await sql(pool, "DELETE FROM forecasting.sales WHERE month = '2026-02-01'")
    await sql(
        pool,
        "ALTER TABLE quotas.publications DISABLE TRIGGER USER; UPDATE quotas.publications SET valid_until = '2027-03-31'",
    )
    page = await page_of(manager, f"/control/forecasts/{VERSION}")
    assert "of 3 months nothing is known" in tile(page, "Quota 2026, Field")


async def test_quotas_are_those_of_plain_sql_and_add_up(pool: Pool, manager: Client) -> None:
    page = await page_of(manager, f"/control/quotas/{REVIEW}")
    cases = await sql(
        pool,
        "SELECT c.*, p.quota AS held FROM quotas.cases c JOIN quotas.published p USING (node) WHERE quota_id = %s"
        " ORDER BY c.place",
        REVIEW,
    )
    money = {one["node"]: f"{one['quota'] // 100}.{one['quota'] % 100:02}" for one in cases}
    assert f"Proposed {money['company']} " in tile(page, "Proposed")
    assert f"in force {cases[0]['held'] // 100}.{cases[0]['held'] % 100:02}" in tile(page, "Proposed")
    assert f"adds up to the cent in all {len(cases)}" in tile(page, "Over-assignment")
    assert tile(page, "Wait for people").startswith(
        f"Wait for people {sum(one['state'] == 'waiting' for one in cases)} 1 objection"
    )
    team = await page_of(manager, f"/control/quotas/{REVIEW}?node=T001")
    members = [one for one in cases if one["facts"]["parent"] == "T001"]
    own, *below = rows(team, "units")
    assert [row[2] for row in below] == [money[one["node"]] for one in members]
    buffer = sum(one["quota"] for one in members) - next(one["quota"] for one in cases if one["node"] == "T001")
    assert own[5].startswith(f"{buffer // 100}.{buffer % 100:02} +3.0 %")
    assert [row[4] for row in below] == [f"{round(100 * one['facts']['odds'])} %" for one in members]

    await sql(pool, "UPDATE quotas.cases SET quota = quota + 1 WHERE node = 'T001'")
    page = await page_of(manager, f"/control/quotas/{REVIEW}")
    assert "2 units do not add up" in tile(page, "Over-assignment")
    assert "Team 1 is off by -0.01" in texts(page)


async def test_who_is_waited_for_since_when_and_where_to_decide(pool: Pool, manager: Client) -> None:
    page = await page_of(manager, f"/control/quotas/{REVIEW}")
    tasks = await sql(
        pool,
        "SELECT t.*, c.facts->>'name' AS name FROM control.user_tasks t JOIN quotas.cases c"
        " ON c.node = split_part(users[2], '/', 3) ORDER BY created_at",
    )
    assert len(tasks) == 6
    for row, task in zip(rows(page, "waiting"), tasks, strict=True):
        assert row[:3] == [task["name"], "mona", f"{task['created_at']:%Y-%m-%d %H:%M:%S}"]
        assert f'href="http://tasklist.example/tasklist/{task["key"]}"' in page
    # Before the read model has the task, it waits for the group.
    await sql(pool, "DELETE FROM control.user_tasks")
    page = await page_of(manager, f"/control/quotas/{REVIEW}")
    assert {row[1] for row in rows(page, "waiting")} == {"sales-managers"}


async def test_a_trail_that_was_tampered_with_is_told(pool: Pool, manager: Client) -> None:
    assert "all 36 rows are as they were signed" in texts(await page_of(manager, f"/control/quotas/{REVIEW}"))
    await sql(
        pool, "ALTER TABLE quotas.trail DISABLE TRIGGER USER; UPDATE quotas.trail SET actor = 'eve' WHERE number = 7"
    )
    page = texts(await page_of(manager, f"/control/quotas/{REVIEW}"))
    assert "row 7 is not what was signed" in page


async def test_territories_are_those_of_plain_sql_side_by_side(pool: Pool, manager: Client) -> None:
    page = await page_of(manager, f"/control/territories/{ALIGNMENT}")
    found = {
        row["rep"]: row
        for row in await sql(
            pool,
            "SELECT r.rep, count(*) FILTER (WHERE p.rep = r.rep) AS now, count(*) FILTER (WHERE p.owner = r.rep) AS was,"
            " sum(p.workload) FILTER (WHERE p.rep = r.rep) AS hours, sum(p.potential) FILTER (WHERE p.rep = r.rep) AS potential,"
            " sum(p.km * p.workload) FILTER (WHERE p.rep = r.rep) / sum(p.workload) FILTER (WHERE p.rep = r.rep) AS km,"
            " count(*) FILTER (WHERE p.rep = r.rep AND p.owner <> r.rep) AS gained,"
            " count(*) FILTER (WHERE p.owner = r.rep AND p.rep <> r.rep) AS lost"
            " FROM territories.reps r JOIN territories.plan_accounts p ON r.rep IN (p.rep, p.owner) WHERE p.version = %s"
            " GROUP BY r.rep",
            PLANS[1],
        )
    }
    assert len(found) == 30
    for row in rows(page, "reps"):
        rep = found[row[0].split()[2]]
        assert row[1] == f"{rep['was']} → {rep['now']}"
        assert row[4].endswith(f"→ {rep['hours']:.0f}")
        assert row[5].endswith(f"→ {rep['potential']:.0f}")
        assert row[6:] == [f"{rep['km']:.1f}", str(rep["gained"]), str(rep["lost"])]
    (moved,) = await sql(
        pool, "SELECT count(*) AS n FROM territories.plan_accounts WHERE version = %s AND rep <> owner", PLANS[1]
    )
    assert len(rows(page, "moves")) == moved["n"] > 0
    travel = next(row for row in rows(page, "scenarios") if row[0].startswith("Km"))
    assert travel[1:] == ["40.5", "38.0", "37.0"]
    pictures = re.findall(r'<img class="map" src="([^"]+)"', page)
    assert len(pictures) == 2
    for address in pictures:
        shown = await manager.get(unescape(address))
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    await sql(
        pool,
        "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version, effective_from,"
        " facts) VALUES ('v', %s, 1, %s, %s, '2027-01-01', '{\"changed\": 9}')",
        *(ALIGNMENT, FIELD, PLANS[1]),
    )
    assert rows(await page_of(manager, "/control/territories"), "Versions of Field")[0][3] == "9"
    proposed = await page_of(manager, f"/control/territories/{ALIGNMENT}?plan={PLANS[0]}")
    assert len(re.findall(r'<img class="map"', proposed)) == 1


async def test_today_says_whether_we_make_it_and_opens_it(pool: Pool, manager: Client) -> None:
    page = await page_of(manager, "/control")
    (quarter,) = await sql(
        pool,
        "SELECT sum(f) AS total, sum(f) FILTER (WHERE month = '2026-04') AS april, (SELECT sum(value) FROM forecasting.sales"
        " WHERE month = '2026-04-01') AS came FROM forecasting.published_segments JOIN forecasting.publications USING (version),"
        " unnest(months, final) AS x (month, f) WHERE version = %s AND segment = 'total'"
        " AND month BETWEEN '2026-04' AND '2026-06'",
        VERSION,
    )
    shown = tile(page, "Forecast 2026-Q2, Shops")
    assert f"Shops {quarter['total']:.0f} " in shown
    assert f"{quarter['came']:.0f} came in 1 of 3 months" in shown
    assert f"{100 * (quarter['came'] / quarter['april'] - 1):+.1f} % against forecast" in shown
    (odds,) = await sql(pool, "SELECT odds FROM quotas.published WHERE node = 'company'")
    (reps,) = await sql(
        pool,
        "SELECT count(*) AS all, count(*) FILTER (WHERE odds < 0.5) AS low FROM quotas.published WHERE level = 'rep'",
    )
    shown = tile(page, "Odds of quota 2026, Field")
    assert f"Field {round(100 * odds['odds'])} %" in shown
    assert f"{reps['low']} of {reps['all']} reps below 50 %" in shown
    team = await page_of(manager, "/control?team=state-1")
    assert "Forecast 2026-Q2, Shops, state-1" in texts(team)
    assert "Odds of quota" not in team
    assert "Odds of quota 2026, Field, Team 1" in texts(await page_of(manager, "/control?team=T001"))
    assert "No published forecast or quota has a segment" in await page_of(manager, "/control?team=nowhere")


async def test_a_team_begins_with_its_own(manager: Client) -> None:
    assert "<h1>state-1</h1>" in await page_of(manager, f"/control/forecasts/{VERSION}?team=state-1")
    assert "<h1>Team 1, 2027</h1>" in await page_of(manager, f"/control/quotas/{REVIEW}?team=T001")
    assert "<h1>R0, " in await page_of(manager, f"/control/territories/{ALIGNMENT}?team=R0")
    for address in (f"forecasts/{VERSION}", f"quotas/{REVIEW}", f"territories/{ALIGNMENT}"):
        assert " is called nowhere: " in await page_of(manager, f"/control/{address}?team=nowhere")


async def test_before_anything_is_published_pages_say_how_to_get_there(pool: Pool, client: Client) -> None:
    told = {
        "forecasts": ("fairlead forecast load", "fairlead forecast review start"),
        "quotas": ("fairlead quota load", "fairlead quota review start"),
        "territories": ("fairlead territory load", "fairlead territory review start"),
    }
    for name, commands in told.items():
        page = await page_of(client, f"/control/{name}")
        assert all(command in page for command in commands)
        assert (await client.get(f"/control/{name}/none")).status_code == 404
    assert "Nothing is published yet" in await page_of(client, "/control")
    await sql(pool, "INSERT INTO territories.organisations (id, name) VALUES ('north', 'North')")
    await sql(
        pool,
        "INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, opened_at)"
        " VALUES ('north-1', 'north', 'yearly', 'olga', now())",
    )
    await sql(
        pool,
        "INSERT INTO quotas.organisations (id, name, currency, timezone, holidays, targets, rules)"
        " VALUES ('field', 'Field', 'EUR', 'UTC', 'US', '{}', '{}')",
    )
    await sql(
        pool,
        "INSERT INTO quotas.reviews (quota_id, organisation, period, reason, asked_by, opened_at)"
        " VALUES ('field-1', 'field', '2027', 'by_hand', 'olga', now())",
    )
    assert "Nothing is planned yet" in await page_of(client, "/control/territories/north-1")
    assert "Nothing is planned yet" in await page_of(client, "/control/quotas/field-1")


async def test_hostile_names_stay_text(pool: Pool, manager: Client) -> None:
    await sql(pool, "ALTER TABLE forecasting.published_segments DISABLE TRIGGER USER")
    for statement in (
        "UPDATE forecasting.published_segments SET segment = 'state-0/' || %s WHERE segment = 'state-0/shop-00'",
        "UPDATE forecasting.overrides SET note = %s, by_whom = %s, segment = 'state-0/' || %s",
        "UPDATE forecasting.reviews SET asked_by = %s", "UPDATE forecasting.releases SET comment = %s",
        "UPDATE quotas.cases SET facts = facts || jsonb_build_object('name', %s::text), objection = %s, why = %s, comment = %s",
        "UPDATE control.user_tasks SET assignee = %s", "UPDATE territories.reps SET name = %s, region = %s",
        "UPDATE territories.plan_accounts SET why = %s, owner = %s WHERE key_account",
        "UPDATE territories.scenarios SET label = %s", "UPDATE territories.alignments SET asked_by = %s", "UPDATE runtime.timeline SET why = %s, actor = %s",
    ):  # fmt: skip
        await sql(pool, statement, *[NASTY] * statement.count("%s"))
    text = escape(NASTY, quote=True).replace("&#x27;", "&#39;")
    for address in (
        "/control", "/control/forecasts", f"/control/forecasts/{VERSION}", "/control/quotas", f"/control/quotas/{REVIEW}",
        "/control/territories", f"/control/territories/{ALIGNMENT}",
    ):  # fmt: skip
        page = await page_of(manager, address)
        assert NASTY not in page, address
        assert text in page, address


async def test_every_link_opens_and_wrong_addresses_are_answered_plainly(manager: Client) -> None:
    seen: set[str] = set()
    opened: Counter[str] = Counter()
    waiting = ["/control/forecasts", "/control/quotas", "/control/territories"]
    while waiting:
        address = waiting.pop(0)
        at = address.partition("?")[0]
        if address in seen or opened[at] == 12:  # of units some are as good as all
            continue
        seen.add(address)
        opened[at] += 1
        page = await page_of(manager, address)
        assert not re.search(r"<script(?![^>]* src=\"/control/static/)", page), address
        for link in re.findall(r"href=\"([^\"#]+)[^\"]*\"", page):
            found = unescape(link)
            if found.startswith("?"):
                waiting.append(at + found)
            elif re.match(r"/control/(forecasts|quotas|territories|instances)", found):
                waiting.append(found)
    assert {f"/control/instances/{instance}" for instance in INSTANCES.values()} <= seen
    assert f"/control/quotas/{FORMER}" in seen
    for address, status in (
        ("forecasts/none", 404), (f"forecasts/{VERSION}?segment=none", 404), (f"forecasts/{VERSION}?months=2031-Q1", 404),
        (f"forecasts/{VERSION}?months=soon", 422), (f"forecasts/{VERSION}?segment=%00", 422), ("quotas/none", 404),
        (f"quotas/{REVIEW}?node=none", 404), ("territories/none", 404), (f"territories/{ALIGNMENT}?region=none", 404),
        (f"territories/{ALIGNMENT}?plan=none", 404), (f"territories/{FIELD}%00", 422),
    ):  # fmt: skip
        assert (await manager.get(f"/control/{address}")).status_code == status, address
