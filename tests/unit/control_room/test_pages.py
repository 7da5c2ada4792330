"""The pages in a real Chromium on a filled read model: usable in every width and theme, by keyboard, live, without faults."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.bindings import npm
from tests.unit.control_room.engine_log import EngineLog
from tests.unit.control_room.town import Case, live, settle
from tests.unit.gateway.helpers import Board
from workers.control_room.following import Follower
from workers.control_room.rendering import STATIC
from workers.gateway.app import create_app
from workers.runtime.database import Pool
from workers.settings import Gateway, Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
PICTURES = os.environ.get("FAIRLEAD_TEST_PICTURES")
"""A folder for screenshots to look at; without it they go to the test's own."""

Theme = Literal["light", "dark"]


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
    await Follower(pool, log).catch_up()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        app = create_app(Settings(gateway=Gateway(rate_per_second=10_000)), pool, Board())
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=5))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield Room(f"http://127.0.0.1:{listening.getsockname()[1]}", cases, log, pool)
        finally:
            await app.state.parts.live.close()
            server.should_exit = True
            await serving


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian package `chromium`)")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        await opened.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(PICTURES) if PICTURES else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def open_page(
    browser: Browser, room: Room, *, width: int = 1440, theme: Theme = "light"
) -> tuple[Page, list[str]]:
    """A page, and a list in which its faults will be: errors of scripts, refusals, questions to other hosts."""
    page = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on(
        "request", lambda asked: faults.append(asked.url) if not asked.url.startswith((room.url, "data:")) else None
    )
    return page, faults


def addresses(room: Room) -> dict[str, str]:
    case = next(one for one in room.cases if one.state == "assigned")
    return {
        "today": "/control",
        "leads": "/control/leads/accepted",
        "tasks": "/control/tasks",
        "processes": "/control/processes",
        "process": "/control/processes/lead_routing?show=duration",
        "instance": f"/control/instances/{case.instance}",
        "operations": "/control/operations",
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_pages_are_whole_and_without_serious_faults(
    room: Room, browser: Browser, pictures: Path, width: int, theme: Theme
) -> None:
    npm.install()
    axe = (npm.MODULES / "axe-core/axe.min.js").read_text()
    page, faults = await open_page(browser, room, width=width, theme=theme)
    serious = []
    for name, address in addresses(room).items():
        await page.goto(room.url + address)
        if await page.locator("#diagram").count():
            await page.locator("#diagram[data-drawn]").wait_for()
            await expect(page.locator(".bjs-powered-by")).to_be_visible()
        await expect(page.locator("#live-state")).to_have_text("live")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"{name} is too wide for {width} px"
        )
        # Evaluated, not added: the page's own policy refuses foreign scripts.
        await page.evaluate(axe)
        found: list[dict[str, Any]] = await page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        serious += [
            (name, one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]
        await page.screenshot(path=pictures / f"control_{name}_{width}_{theme}.png", full_page=True)
    assert not serious, json.dumps(serious, indent=1)
    assert not faults


async def test_figures_are_those_of_the_cases_and_open_them(room: Room, browser: Browser) -> None:
    page, faults = await open_page(browser, room)
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


async def test_a_page_follows_what_happens_and_keeps_what_was_opened(room: Room, browser: Browser) -> None:
    page, faults = await open_page(browser, room)
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
    page, _ = await open_page(browser, room)
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


async def test_overlays_say_what_the_table_says(room: Room, browser: Browser) -> None:
    page, _ = await open_page(browser, room)
    await page.goto(f"{room.url}/control/processes/lead_routing")
    await page.locator("#diagram[data-drawn]").wait_for()
    badge = page.locator('.djs-overlays[data-container-id="accept_lead"] .badge').first
    row = page.locator("tbody tr", has_text="Accept lead")
    await expect(badge).to_have_text(await row.locator("td").nth(1).inner_text())
    await expect(badge).to_have_text(str(len(room.cases)))
    shaded = page.locator('[data-element-id="accept_lead"]')
    await expect(shaded).to_have_class("djs-element djs-shape heat5")


def test_the_viewer_is_the_published_one() -> None:
    npm.install()
    package = npm.MODULES / "bpmn-js"
    for ours, theirs in (
        ("bpmn-navigated-viewer.production.min.js", "dist/bpmn-navigated-viewer.production.min.js"),
        ("bpmn-js.css", "dist/assets/bpmn-js.css"),
        ("diagram-js.css", "dist/assets/diagram-js.css"),
        ("bpmn-js.LICENSE.txt", "LICENSE"),
    ):
        assert (STATIC / "vendor" / ours).read_bytes() == (package / theirs).read_bytes(), ours
