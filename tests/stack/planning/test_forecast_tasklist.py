"""A forecast is reviewed in Tasklist, in a real Chromium, on the full local engine: changed, rejected, looked at again."""

from __future__ import annotations

import csv

import pytest
from playwright.async_api import expect

from tests.process.planning import texas
from tests.stack.browser import Tasklist
from tests.stack.conftest import LocalStack
from tests.stack.office import open_office

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def forecast_stack(planning_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> LocalStack:
    """The shared stack with an organisation of five cities."""
    sales = tmp_path_factory.mktemp("planning") / "sales.csv"
    with sales.open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["city", "month", "homes"])
        rows.writerows((city, f"{month:%Y-%m}", value) for city, one in texas().items() for month, value in one.items())
    load = ("forecast", "load", "texas", "--data", str(sales), "--hierarchy", "city", "--horizon", "6")
    for command in (load, ("forecast", "review", "start", "texas")):
        done = planning_stack.fairlead(*command)
        assert done.returncode == 0, done.stderr
    return planning_stack


async def test_a_change_is_made_rejected_and_looked_at_again_in_tasklist(
    forecast_stack: LocalStack, tasklist: Tasklist
) -> None:
    async with open_office(forecast_stack) as office:
        first = await office.until(lambda: office.open_task("review_forecast"), "a review", within=300)

        async def listed() -> bool:
            page = (await office.http.get("/control/forecasts")).text
            return f'/tasklist/{first.key}"' in page and "No version yet." in page

        await office.until(listed, "the control room to say what the review waits for")
        await tasklist.open(first.key, "2015-08")
        form = tasklist.form
        for said in ("Why you are asked", "Months ahead", "Next 6 months", "80 % interval"):
            await expect(form).to_contain_text(said)
        picture = form.locator("img")
        await expect(picture).to_be_visible()
        await expect(picture).to_have_js_property("naturalWidth", 1000)
        await tasklist.take()
        await tasklist.fill("Your log-in", "ana")
        await form.get_by_text("Change it").click()
        await form.get_by_text("By a percentage, all months alike").click()
        await tasklist.fill("Change in %", "40")
        await tasklist.choose("Promotion or campaign")
        await tasklist.picture("tasklist_forecast_review")
        await tasklist.complete()

        approval = await office.until(lambda: office.open_task("approve_override"), "the approval")
        await tasklist.open(approval.key, "+40.0 % by ana")
        await tasklist.take()
        await form.get_by_text("Reject it, back to the reviewer").click()
        await tasklist.fill("Your log-in", "dora")
        await tasklist.fill("Comment for the reviewer", "Not before the plant opens.")
        await tasklist.picture("tasklist_forecast_approval")
        await tasklist.complete()

        again = await office.until(lambda: office.open_task("review_forecast", after=approval.key), "the review again")
        await tasklist.open(again.key, "Not before the plant opens.")
        await tasklist.take()
        await tasklist.fill("Your log-in", "ana")
        await form.get_by_text("Change it").click()
        await form.get_by_text("Month by month").click()
        figures = form.get_by_role("textbox", name="Your figure")
        await expect(figures).to_have_count(6)
        await tasklist.picture("tasklist_forecast_months")
