"""The pages in a real Chromium on a filled read model: usable in every width and theme, by keyboard, live, without faults."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import AsyncMock

import psycopg
import pytest
import uvicorn
from playwright.async_api import Browser, expect
from pydantic import SecretStr

from tests.control_pages import drawn, look_at, look_through, open_browser, open_page
from tests.unit.control_room import foresights, told
from tests.unit.control_room.engine_log import EngineLog
from tests.unit.control_room.mined import Orders
from tests.unit.control_room.town import Case, live, settle
from tests.unit.gateway.helpers import Board
from tests.unit.what_if.leads import LEADS, fill_past
from workers.bench.control_room_browser import usable
from workers.bench.control_room_field import ALIGNMENT, REVIEW
from workers.bench.control_room_planning import VERSIONS, fill_planning
from workers.control_room.following import Follower
from workers.control_room.settling import Settling
from workers.gateway import routes_what_if
from workers.gateway.app import create_app
from workers.office.links import secret_of
from workers.runtime.database import Pool
from workers.settings import Gateway, Settings
from workers.what_if.errors import Refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Room:
    """A gateway that serves, and what its figures are about."""

    url: str
    cases: list[Case]
    log: EngineLog
    pool: Pool

    async def follow(self) -> None:
        await Follower(self.pool, self.log).catch_up()


@pytest.fixture
async def room(pool: Pool, log: EngineLog) -> AsyncIterator[Room]:
    await settle(pool)
    log.deploy("scorer_upkeep", diagram=(ROOT / "bpmn/scorer_upkeep.bpmn").read_text())
    cases = await live(pool, log, leads=60, diagram=(ROOT / "bpmn/lead_routing.bpmn").read_text())
    now = log.now  # orders take hours: what a test adds later must not lie in the future
    for version, slower in ((1, 1.0), (2, 1.7)):
        order(log, version, slower)
    log.now = now
    await Follower(pool, log).catch_up()
    await Settling(pool).catch_up()
    async with served(pool, Settings(gateway=Gateway(rate_per_second=10_000))) as url:
        yield Room(url, cases, log, pool)


def order(log: EngineLog, version: int, slower: float) -> None:
    """Orders of one version: most go straight, some come back, one is jumped by an operator."""
    orders, chance = Orders(log, version), random.Random(version)
    for number in range(30):
        rejected = max(0, int(chance.gauss(0, 1.2)))
        orders.go(rejected=rejected, waits=slower * chance.uniform(20, 200), undone=number % 9 == 0)
    jumped = orders.begin()
    jumped.modify("send")
    jumped.run("send", seconds=1)
    jumped.end()


@asynccontextmanager
async def served(pool: Pool, settings: Settings, port: int = 0) -> AsyncIterator[str]:
    """A gateway's address, while it serves."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        listening.listen(64)
        app = create_app(settings, pool, Board())
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=5))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            await app.state.parts.live.close()
            server.should_exit = True
            await serving


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


PLANNING = {
    "forecasts": "/control/forecasts",
    "forecast": f"/control/forecasts/{VERSIONS[-1]}",
    "forecast_unit": f"/control/forecasts/{VERSIONS[-1]}?segment=state-0/shop-00&months=2026-Q2",
    "quotas": "/control/quotas",
    "quota": f"/control/quotas/{REVIEW}",
    "quota_unit": f"/control/quotas/{REVIEW}?node=T001",
    "territories": "/control/territories",
    "territory": f"/control/territories/{ALIGNMENT}",
    "territory_region": f"/control/territories/{ALIGNMENT}?region=R0",
}


def plan(dsn: str) -> None:
    """An organisation that plans: 40 reps, 16 series, 160 accounts."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        fill_planning(connection, 40, 16, 160, secret_of(Settings()))


def addresses(room: Room) -> dict[str, str]:
    case = next(one for one in room.cases if one.state == "assigned")
    return {
        "today": "/control",
        "leads": "/control/leads/accepted",
        "attention": "/control/attention",
        "prediction": "/control/prediction",
        "at_risk": "/control/leads/at-risk",
        "tasks": "/control/tasks",
        "kpi": "/control/kpis/sla_met",
        "processes": "/control/processes",
        "process": "/control/processes/lead_routing?show=duration",
        "late": "/control/processes/lead_routing?show=sla",
        "instance": f"/control/instances/{case.instance}",
        "paths": "/control/processes/order_paper/paths",
        "versions": "/control/processes/order_paper/compare",
        "shares": "/control/processes/order_paper/versions",
        "operations": "/control/operations",
        "webhooks": "/control/webhooks",
    }


@pytest.mark.parametrize("width", [360, 1440])
async def test_pages_are_whole_and_without_serious_faults(
    room: Room, dsn: str, browser: Browser, tmp_path: Path, width: int
) -> None:
    plan(dsn)
    await foresee(room)
    await told.fill(room.pool)
    await look_through(browser, room.url, addresses(room) | PLANNING, tmp_path, width=width)


async def foresee(room: Room) -> list[Case]:
    """A model is in use and has predicted the open leads, the first most of all; they are due within the hour."""
    waiting = [case for case in room.cases if case.state == "assigned"]
    async with room.pool.connection() as connection:
        for table, key in (
            ("routing.leads SET sla_due_at", "process_instance_key"),
            ("control.user_tasks SET due_at", "instance_key"),
        ):
            await connection.execute(
                f"UPDATE {table} = now() + interval '50 min' WHERE {key} = ANY(%s)".encode(),
                ([case.instance for case in waiting],),
            )
    await foresights.in_use(room.pool)
    await foresights.predict(room.pool, {case.instance: 0.9 / (1 + number / 2) for number, case in enumerate(waiting)})
    return waiting


async def test_what_needs_attention_leads_to_its_reasons_and_to_the_error_of_the_model(
    room: Room, browser: Browser
) -> None:
    page, faults = await open_page(browser, room.url)
    await page.goto(f"{room.url}/control")
    tile = page.locator(".tile", has_text="At risk now")
    await expect(tile).to_contain_text("by rule")
    await expect(page.locator("section", has_text="Needs attention").first).to_contain_text("80 % of its time are gone")
    await expect(page.locator("#live-state")).to_have_text("live")
    waiting = await foresee(room)
    await expect(tile).to_contain_text("predicted")
    await expect(tile.locator(".big")).to_have_text("2")  # 0.9 and 0.6 are at least 0.5
    await tile.locator(".big a").click()
    await expect(page.locator("tbody tr")).to_have_count(2)
    await expect(page.locator("tbody tr").first).to_contain_text("90 %")
    await expect(page.locator("tbody tr").first).to_contain_text("62 % of its time are gone")
    await page.goto(f"{room.url}/control")
    await page.get_by_role("link", name=f"All {len(waiting)} that need attention").click()
    await expect(page.locator("tbody tr").first).to_contain_text("act now")
    await expect(page.locator("tbody tr")).to_have_count(len(waiting))
    await page.get_by_role("link", name=foresights.VERSION).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("How good the predictions are")
    await expect(page.locator("#sides ~ .scroll").first).to_contain_text("0.1367")
    assert not faults


async def test_figures_are_those_of_the_cases_and_open_them(room: Room, browser: Browser) -> None:
    page, faults = await open_page(browser, room.url)
    await page.goto(f"{room.url}/control")
    tile = page.locator(".tile", has_text="Leads received")
    await expect(tile.locator(".big")).to_have_text(str(len(room.cases)))
    await page.get_by_label("Team").select_option("dach")  # takes effect at once
    ours = [case for case in room.cases if case.team == "dach"]
    await expect(tile.locator(".big")).to_have_text(str(len(ours)))
    await tile.get_by_role("link", name="still open").click()
    await expect(page.locator("tbody tr")).to_have_count(sum(case.state == "assigned" for case in ours))
    await page.locator("tbody tr").first.get_by_role("link", name="open").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Firma")
    await expect(page.locator("#steps")).to_be_visible()
    assert not faults


async def test_a_manager_goes_from_today_to_a_rep_by_keyboard(room: Room, dsn: str, browser: Browser) -> None:
    plan(dsn)
    page, faults = await open_page(browser, room.url)
    await page.goto(f"{room.url}/control")
    await page.locator(".tile", has_text="Forecast 2026-Q2").get_by_role("link").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Months")).to_have_value("2026-Q2")
    chart = page.get_by_role("img", name="total by month")
    await expect(chart.locator("path.line.final")).to_have_count(1)
    await expect(chart.locator("path.band")).to_have_count(2)
    await page.get_by_label("Months").focus()
    await page.keyboard.press("ArrowDown")  # takes effect at once
    await expect(page).to_have_url(re.compile("months=2026-Q3"))
    units = page.locator("section", has=page.locator("#units"))
    await units.locator(".scroll").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("state-0")
    await expect(page.get_by_label("Months")).to_have_value("2026-Q3")

    await page.get_by_role("link", name="Quotas").click()
    await page.get_by_role("link", name=REVIEW).first.click()
    for unit in ("Region 0", "Country 0", "Team 1", "Person 13"):
        await units.get_by_role("link", name=unit, exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"{unit}, 2027")
    await expect(page.locator(".crumbs a")).to_have_text(["Quotas", "The company", "Region 0", "Country 0", "Team 1"])
    assert not faults


async def test_an_operator_sends_webhooks_again_by_keyboard(room: Room, browser: Browser, tmp_path: Path) -> None:
    await told.fill(room.pool)
    page, faults = await open_page(browser, room.url, width=360)
    await page.goto(f"{room.url}/control/operations")
    await page.get_by_role("link", name="Webhooks", exact=True).focus()
    await page.keyboard.press("Enter")
    row = page.locator("#live-subscriptions tbody tr", has_text="erp")
    await expect(row).to_contain_text("HTTP 503")
    await row.get_by_role("checkbox").focus()
    await page.keyboard.press("Space")
    form = page.locator("form", has=page.locator("#live-subscriptions"))
    await form.get_by_label("Why").fill("Their release is rolled back.")
    await form.get_by_label("Why").press("Enter")
    await expect(page.get_by_role("status").filter(has_text="done")).to_contain_text(
        "4 of 4 done"
    )  # what waits, three letters
    await expect(page.locator("#live .tile", has_text="Dead letters").locator(".big")).to_have_text("0")
    await look_at(page, "webhooks_mended", tmp_path)
    await page.locator("#of").select_option("data-warehouse")  # takes effect at once
    await expect(page.locator("#live-attempts")).to_contain_text("No attempt failed.")
    assert not faults


async def test_a_page_follows_what_happens_and_keeps_what_was_opened(room: Room, browser: Browser) -> None:
    page, faults = await open_page(browser, room.url)
    await page.goto(f"{room.url}/control")
    await expect(page.locator("#live-state")).to_have_text("live")
    kpi = page.locator("details", has_text="SLA met")
    await kpi.locator("summary").click()
    await live(room.pool, room.log, leads=3, seed=9, first=1_000)
    await room.follow()
    tile = page.locator(".tile", has_text="Leads received")
    await expect(tile.locator(".big")).to_have_text(str(len(room.cases) + 3))
    await expect(kpi.locator("p")).to_be_visible()
    assert not faults


async def test_everything_is_reached_by_keyboard(room: Room, browser: Browser) -> None:
    page, _ = await open_page(browser, room.url)
    await page.goto(f"{room.url}/control")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    reached: set[str] = set()
    for _ in range(250):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("document.activeElement.textContent.trim().slice(0, 40)"))
    wanted = await page.locator("main a, main summary, main button").all_inner_texts()
    assert {text.replace("\n", "").strip()[:12] for text in wanted} <= {
        text.replace("\n", "").strip()[:12] for text in reached
    }


async def test_the_benchmark_s_browser_waits_until_a_page_is_live_and_drawn(room: Room, browser: Browser) -> None:
    pages = ["/control", "/control/processes/lead_routing", "/control/what-if"]
    found = await usable(room.url, pages)
    assert list(found) == pages
    assert all(0 < seconds < 30 for seconds in found.values())


async def test_overlays_say_what_the_table_says(room: Room, browser: Browser) -> None:
    page, _ = await open_page(browser, room.url)
    await page.goto(f"{room.url}/control/processes/lead_routing")
    await drawn(page)
    badge = page.locator('.djs-overlays[data-container-id="accept_lead"] .badge').first
    row = page.locator("tbody tr", has_text="Accept lead")
    await expect(badge).to_have_text(await row.locator("td").nth(1).inner_text())
    await expect(badge).to_have_text(str(len(room.cases)))
    shaded = page.locator('[data-element-id="accept_lead"]')
    await expect(shaded).to_have_class("djs-element djs-shape heat5")


async def test_every_diagram_is_drawn_with_its_figures(room: Room, browser: Browser) -> None:
    diagrams = {file.stem: file.read_text() for file in sorted((ROOT / "bpmn").glob("*.bpmn"))}
    steps = {}
    for name, diagram in diagrams.items():
        key = room.log.deploy(name, version=9, diagram=diagram)
        steps[name] = re.findall(r"<bpmn:serviceTask id=\"(\w+)\"", diagram)
        case = room.log.start(name, key, version=9)
        for step in steps[name]:
            case.run(step, seconds=1)
    await room.follow()
    page, faults = await open_page(browser, room.url)
    await page.goto(f"{room.url}/control/processes")
    for name in diagrams:
        assert steps[name], name
        await page.locator(f'a[href*="/processes/{name}?version=9"]').wait_for()
    for name in diagrams:
        await page.goto(f"{room.url}/control/processes/{name}?version=9")
        await drawn(page)
        for step in steps[name]:
            await expect(page.locator(f'.djs-overlays[data-container-id="{step}"] .badge').first).to_have_text("1")
    assert not faults


async def test_a_finger_moves_a_diagram_and_buttons_size_it(room: Room, browser: Browser) -> None:
    page, _ = await open_page(browser, room.url, width=360)
    await page.goto(f"{room.url}/control/processes/lead_routing")
    await drawn(page)
    await page.locator("#diagram").scroll_into_view_if_needed()
    task = page.locator('[data-element-id="accept_lead"]')
    await expect(task).to_be_in_viewport()  # the strongest shade, in letters that can be read
    before = await task.bounding_box()
    assert before is not None
    await page.get_by_role("button", name="Larger").click()
    larger = await task.bounding_box()
    assert larger is not None
    assert larger["width"] > 1.2 * before["width"]
    await page.locator("#diagram").evaluate(
        """(place) => { for (const [kind, x] of [["pointerdown", 200], ["pointermove", 150]]) place.dispatchEvent(
            new PointerEvent(kind, { pointerType: "touch", pointerId: 7, clientX: x, clientY: 300, bubbles: true })) }"""
    )
    moved = await task.bounding_box()
    assert moved is not None
    assert moved["x"] == pytest.approx(larger["x"] - 50, abs=1)
    await page.get_by_role("button", name="Whole").click()
    whole = await task.bounding_box()
    assert whole is not None
    assert whole["width"] < before["width"]


async def test_a_chosen_table_is_replayed_and_compared(
    pool: Pool, dsn: str, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill_past(pool)
    table = tmp_path / "lead_routing_rules.dmn"
    text = (ROOT / "dmn/lead_routing_rules.dmn").read_text()
    table.write_text(text.replace("<text>&gt;= 100</text>", "<text>&gt;= 50</text>"))
    async with served(pool, Settings(database_url=SecretStr(dsn))) as url:
        page, faults = await open_page(browser, url)
        await page.goto(f"{url}/control")
        await page.get_by_role("link", name="What if").click()
        await page.get_by_label("Changed").set_input_files(table)
        await page.get_by_label("Last leads").fill(str(LEADS))
        await page.get_by_role("button", name="Replay").click()
        await expect(page.locator("#result")).to_contain_text("Replaying")
        cases = page.locator("section", has=page.locator("#cases")).locator("li")
        await expect(cases.first).to_contain_text("small_business → mid_market", timeout=120_000)
        sides = page.locator("section", has=page.locator("#sides")).locator("tbody tr")
        before, after = await sides.filter(has_text="mid_market").locator("td").all_inner_texts()
        assert int(after) - int(before) == await cases.count() > 1
        for width in (1440, 360):
            await page.set_viewport_size({"width": width, "height": 900})
            await look_at(page, "what_if_replayed", tmp_path)

        monkeypatch.setattr(routes_what_if, "ask", AsyncMock(side_effect=Refused("No table: <b>bold</b>")))
        await page.get_by_role("button", name="Replay").click()
        await expect(page.get_by_role("alert")).to_have_text("No table: <b>bold</b>")
        assert not [fault for fault in faults if "422" not in fault], faults
