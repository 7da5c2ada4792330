"""A rep works through the list of the day in Tasklist, in a real Chromium, on the full local engine; what is promised there
comes back as a task of its own.
"""

from __future__ import annotations

import psycopg
import pytest
from playwright.async_api import expect

from tests.stack.browser import Tasklist
from tests.stack.conftest import LocalStack
from tests.stack.office import open_office
from workers.sample.opportunities import ORGANISATION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def selling_stack(sales_stack: LocalStack) -> LocalStack:
    """The shared stack, one territory of the sample organisation with ranked opportunities."""
    with psycopg.connect(sales_stack.settings.dsn) as connection:
        connection.execute("UPDATE selling.organisations SET territories = '{dach}', minutes_a_day = 70")
    asked = sales_stack.fairlead("opportunities", "rank", ORGANISATION)
    assert asked.returncode == 0, asked.stderr
    return sales_stack


async def test_a_list_is_worked_through_and_the_promise_comes_back(
    selling_stack: LocalStack, tasklist: Tasklist
) -> None:
    async with open_office(selling_stack) as office:
        work = await office.until(lambda: office.open_task("work_through_list"), "a list")
        await tasklist.open(work.key, "expected from acting now")
        form = tasklist.form
        for said in ("Today's opportunities:", "Why in this order", "Worth now", "to win", "expected value"):
            await expect(form).to_contain_text(said)
        await tasklist.take()
        await form.get_by_text("Not yet: tomorrow again").first.click()
        await form.locator(".fjs-dropdownlist-item", has_text="Contact promised").first.click()
        await tasklist.fill("Promised in working days", "2")
        await tasklist.fill("Why, or what was promised", "Send the contract")
        await tasklist.fill("Your log-in", "demo")
        await tasklist.picture("tasklist_opportunities")
        await tasklist.complete()

        contact = await office.until(lambda: office.open_task("make_contact"), "the promised contact")
        await tasklist.open(contact.key, "Send the contract")
        await tasklist.take()
        await form.get_by_text("Another day").click()
        await tasklist.fill("Your log-in", "demo")
        await tasklist.fill("Working days later", "1")
        await tasklist.choose("The customer asked for it")
        await tasklist.picture("tasklist_follow_up")
        await tasklist.complete()

        again = await office.until(
            lambda: office.open_task("make_contact", after=contact.key), "the contact on another day"
        )
        await tasklist.open(again.key, "put off by demo")
