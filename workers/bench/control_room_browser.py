"""How soon the control room's pages can be used: in a real Chromium, driven by Playwright, where both are installed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1440, 900
# Parsed, its script runs, what happens is told to it, and its diagram is drawn; milliseconds since one went there.
_USABLE = """() => {
  const live = document.getElementById("live-state"), diagram = document.getElementById("diagram");
  const told = !document.querySelector('[id^="live"]:not(#live-state)') || live?.dataset.state === "live";
  return document.readyState === "complete" && told && (!diagram || "drawn" in diagram.dataset) && performance.now();
}"""


class NotShown(Exception):
    """The browser could not open a page, or it was not ready in time; the message says which and why."""


def missing() -> str:
    """What a measurement needs and is not installed, in words; empty: nothing."""
    if not find_spec("playwright"):
        return "Playwright (pip install playwright)"
    return "" if installed() else "Chromium"


async def usable(url: str, pages: Sequence[str]) -> Mapping[str, float]:
    """Seconds until each page can be used, one after the other in one browser, as somebody goes through them.

    Raises:
        NotShown: a page could not be opened, or was not ready within 30 s.
    """
    from playwright.async_api import Error, async_playwright  # noqa: PLC0415 - only who measures needs it

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed(), args=["--no-sandbox"])
        try:
            page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            found = {}
            for address in pages:
                try:
                    await page.goto(url + address, wait_until="commit")
                    ready = await page.wait_for_function(_USABLE, polling="raf")
                except Error as error:
                    raise NotShown(f"{address}: {error}") from None
                found[address] = float(await ready.json_value()) / 1_000
            return found
        finally:
            await browser.close()


def installed() -> str | None:
    """Where a browser of Chromium's kind is on this machine; None: nowhere."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)
