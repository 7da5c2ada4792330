"""The real browser of all tests that look at pages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from workers.bench.control_room_browser import installed

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


@contextlib.asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Chromium, closed afterwards; without one the test is skipped."""
    chromium = installed()
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian package `chromium`)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()
