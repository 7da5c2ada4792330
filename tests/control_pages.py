"""The control room in a real Chromium: opened in each width and theme, looked through for faults, photographed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Page, expect

from tests.bindings import npm
from tests.chromium import launched

PATIENCE_MS = 120_000
"""Of pages and of what is expected of them: while a machine is busy, open pages are told of a change after half a minute."""
PICTURES = os.environ.get("FAIRLEAD_TEST_PICTURES")
"""A folder for screenshots to look at; without it only pages with faults are photographed, for the test's own folder."""

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@contextlib.asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Chromium, or the test is skipped."""
    expect.set_options(timeout=PATIENCE_MS)
    async with launched() as opened:
        yield opened


async def open_page(browser: Browser, url: str, *, width: int = 1440) -> tuple[Page, list[str]]:
    """A page, and a list in which its faults will be: errors of scripts, refusals, questions to other hosts than ``url``."""
    page = await browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: faults.append(asked.url) if not asked.url.startswith((url, "data:")) else None)
    return page, faults


async def drawn(page: Page) -> None:
    """Wait for the page's diagram, which shows whose viewer it is."""
    await page.locator("#diagram[data-drawn]").wait_for()
    await expect(page.locator(".bjs-powered-by")).to_be_visible()


async def look_through(browser: Browser, url: str, addresses: Mapping[str, str], folder: Path, *, width: int) -> None:
    """Open each address: it is live, fits the width, has no fault that axe calls serious in either theme."""
    page, faults = await open_page(browser, url, width=width)
    for name, address in addresses.items():
        await page.goto(url + address)
        if await page.locator("#diagram").count():
            await drawn(page)
        await expect(page.locator("#live-state")).to_have_text("live")
        await look_at(page, name, folder)
    await page.close()
    assert not faults


async def look_at(page: Page, name: str, folder: Path) -> None:
    """What a page shows now fits its width, and has no fault that axe calls serious in either theme."""
    npm.install()
    pictures = Path(PICTURES) if PICTURES else folder
    pictures.mkdir(parents=True, exist_ok=True)
    width = page.viewport_size["width"] if page.viewport_size else 0
    fits = await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert fits, f"{name} is too wide for {width} px"
    # Evaluated, not added: the page's own policy refuses foreign scripts.
    await page.evaluate((npm.MODULES / "axe-core/axe.min.js").read_text())
    serious: list[tuple[str, str, str, list[str]]] = []
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        found: list[dict[str, Any]] = await page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        faults = [
            (f"{name}, {theme}", one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]
        serious += faults
        if faults or PICTURES:
            await page.screenshot(path=pictures / f"control_{name}_{width}_{theme}.png", full_page=True)
    assert not serious, serious
