"""Tasklist in a real Chromium, as a person uses it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Locator, Page, Route, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.chromium import launched
from workers.settings import Settings

WINDOW = {"width": 1500, "height": 1140}
PATIENCE_MS = 240_000
"""Of pages, and of what is expected of them."""
TRIES = 3
"""Of what a busy Camunda may refuse."""
LOOK_MS = 5_000
"""Before the page is loaded again; each time so much longer, as a slow machine needs."""
LONGEST_LOOK_MS = 30_000
RELOAD_MS = 60_000
PICTURES = "FAIRLEAD_TEST_PICTURES"
"""Environment variable: a folder for screenshots; without it they go to the test's own."""


class Tasklist:
    """Tasklist with somebody logged in."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        self.page = page
        self._url = url
        self._pictures = pictures

    async def log_in(self, name: str, password: str) -> None:
        """Log in at the door."""
        await self.page.goto(self._url)
        await self.page.get_by_label("Username").fill(name)
        await self.page.get_by_role("textbox", name="Password").fill(password)
        welcome = self.page.get_by_text("Welcome to Tasklist")
        button = self.page.get_by_role("button", name="Login")
        for _ in range(TRIES):
            with contextlib.suppress(PlaywrightTimeout):  # Camunda was too busy
                await button.or_(welcome).first.wait_for()
                if await button.is_visible():
                    await button.click(timeout=LOOK_MS)
                await welcome.wait_for(timeout=PATIENCE_MS / TRIES)
                return
        raise AssertionError(f"{name} is not logged in, see {await self.picture('not_logged_in')}")

    async def open(self, task_key: int, says: str) -> None:
        """Open a task from the list; reloads until the list has it and its form contains ``says``.

        Tasklist asks once for the variables when a task is opened, and has got the task and its variables by
        different importers: who is very quick sees a form without them until the page is loaded again.
        """
        card = self.page.get_by_test_id(f"task-{task_key}")
        deadline, look = time.monotonic() + PATIENCE_MS / 1000, LOOK_MS
        while not await self._shows(card, says, look):
            look = min(look + LOOK_MS, LONGEST_LOOK_MS)
            assert time.monotonic() < deadline, f"Task {task_key} says no {says!r}: {await self.form.all_inner_texts()}"
            with contextlib.suppress(PlaywrightTimeout):  # once more, while there is time
                await self.page.reload()
                await self.page.get_by_text("All open tasks").wait_for(timeout=RELOAD_MS)
        close = self.page.get_by_role("button", name="close notification")
        for _ in range(TRIES):  # an offer of the browser's notifications, in the way of the form
            if not await close.count():
                break
            with contextlib.suppress(PlaywrightTimeout):  # others go away by themselves
                await close.first.click(timeout=LOOK_MS)

    async def _shows(self, card: Locator, says: str, within: int) -> bool:
        try:
            await expect(card).to_be_visible(timeout=within)
            await card.click(timeout=within)
            await expect(self.page.get_by_role("button", name="Assign to me")).to_be_visible(timeout=within)
            await expect(self.form).to_contain_text(says, timeout=within)
        except (AssertionError, PlaywrightTimeout):
            return False
        return True

    async def take(self) -> None:
        """Claim the open task. Where Camunda is too busy to give it to us, once more."""
        free, ours = (self.page.get_by_role("button", name=name) for name in ("Assign to me", "Unassign"))
        for _ in range(TRIES):
            with contextlib.suppress(PlaywrightTimeout):
                await free.or_(ours).first.wait_for()
                if await free.is_visible():
                    await free.click(timeout=LOOK_MS)
                await ours.wait_for(timeout=PATIENCE_MS / TRIES)
                return
        raise AssertionError(f"Not taken, see {await self.picture('not_taken')}")

    async def fill(self, label: str, text: str) -> None:
        """Write into the first field of that label, and leave it: until then the form may not have taken the text."""
        field = self.form.get_by_label(label).first
        await field.fill(text)
        await field.blur()

    async def choose(self, item: str) -> None:
        """Choose an item in the form's one list of which nothing was chosen yet."""
        await self.form.get_by_text("Select", exact=True).click()
        await self.form.locator(".fjs-dropdownlist-item", has_text=item).click()

    async def complete(self) -> None:
        """Complete the open task; the form must be whole. Where Camunda is too busy to take it, once more."""
        done = self.page.get_by_text("Task completed").first
        busy = self.page.get_by_text("Task could not be completed").first
        faults = self.page.get_by_text("Please review").first
        for _ in range(TRIES):
            await self.page.get_by_role("button", name="Complete Task").click()
            try:
                await done.or_(busy).or_(faults).first.wait_for()
            except PlaywrightTimeout:
                break
            if await done.is_visible():
                return
            if await faults.is_visible():
                break
            await self.page.get_by_role("button", name="close notification").first.click()
        raise AssertionError(f"Not completed, see {await self.picture('not_completed')}")

    @property
    def form(self) -> Locator:
        """The form of the open task."""
        return self.page.locator(".fjs-form")

    async def picture(self, name: str) -> Path:
        """Keep a screenshot as ``name``.png."""
        self._pictures.mkdir(parents=True, exist_ok=True)
        file = self._pictures / f"{name}.png"
        await self.page.screenshot(path=file)
        return file


@contextlib.asynccontextmanager
async def open_tasklist(settings: Settings, folder: Path) -> AsyncIterator[Tasklist]:
    """Chromium on Tasklist's door. It reaches this machine only, whatever Tasklist would like to load."""
    expect.set_options(timeout=PATIENCE_MS)

    async def stay_here(route: Route) -> None:
        ours = route.request.url.startswith((settings.camunda_url, settings.gateway_url))  # the gateway has pictures
        await (route.continue_() if ours else route.abort())

    async with launched() as browser:
        page = await browser.new_page(viewport={"width": WINDOW["width"], "height": WINDOW["height"]})
        page.set_default_timeout(PATIENCE_MS)
        await page.route("**/*", stay_here)
        pictures = Path(os.environ[PICTURES]) if os.environ.get(PICTURES) else folder
        yield Tasklist(page, f"{settings.camunda_url}/tasklist", pictures)
