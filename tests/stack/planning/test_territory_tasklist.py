"""Territories are looked at in Tasklist, in a real Chromium, on the full local engine: edited, refused, approved, published."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from playwright.async_api import expect

from tests.control_pages import look_through, open_browser
from tests.stack.browser import Tasklist
from tests.stack.conftest import LocalStack
from tests.stack.office import open_office
from workers.engine.found import FoundTask
from workers.territory_alignment.loading import SAMPLE, load_sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SEARCH_SECONDS = 8.0
"""How good the plan becomes is not looked at here."""


async def start(stack: LocalStack) -> None:
    """The sample's territories are asked for; somebody in particular is to be moved."""
    async with await psycopg.AsyncConnection.connect(
        stack.settings.dsn, row_factory=psycopg.rows.dict_row
    ) as connection:
        await load_sample(connection)
        await connection.execute("UPDATE territories.organisations SET seconds = %s", (SEARCH_SECONDS,))
    done = stack.fairlead("territory", "review", "start", SAMPLE, "--reason", "yearly")
    assert done.returncode == 0, done.stderr


async def test_a_manager_edits_refuses_another_accepts_and_the_director_publishes_in_tasklist(
    planning_stack: LocalStack, tasklist: Tasklist, tmp_path: Path
) -> None:
    await start(planning_stack)
    async with open_office(planning_stack) as office:
        first = await office.until(lambda: office.open_task("look_at_territories"), "a look", within=300)
        other = await office.until(lambda: office.open_task("look_at_territories", after=first.key), "the other look")
        await tasklist.open(first.key, "Accounts that change hands")
        form = tasklist.form
        for said in ("Why you are asked", "Your reps: today → by the plan", "The whole organisation"):
            await expect(form).to_contain_text(said)
        picture = form.locator("img")
        await expect(picture).to_be_visible()
        await expect(picture).to_have_js_property("naturalWidth", 1200)
        rows = await office.rows(
            "SELECT account, owner, rep FROM territories.plan_accounts WHERE owner NOT IN ('', rep)"
        )
        moved = rows[0]
        await tasklist.take()
        await form.get_by_text("Plan again around my edits").click()
        await tasklist.fill("Your log-in", "sam")
        await form.get_by_role("textbox", name="Account").fill(moved["account"])
        await form.get_by_role("textbox", name="Rep").fill(moved["owner"])
        await tasklist.picture("tasklist_territories")
        await tasklist.complete()

        again = await office.until(lambda: office.open_task("look_at_territories", after=other.key), "the look again")
        await tasklist.open(again.key, "Accounts that change hands")
        await tasklist.take()
        await form.get_by_text("I refuse them, for the reason below").click()
        await tasklist.fill("Your log-in", "sam")
        await tasklist.fill("Reason or note", "Two reps are ill.")
        await tasklist.complete()
        await tasklist.open(other.key, "Accounts that change hands")
        await tasklist.take()
        await form.get_by_text("I accept these territories").click()
        await tasklist.fill("Your log-in", "mona")
        await tasklist.complete()

        async def decided() -> FoundTask | None:
            """The approval; who accepted is asked again if the edit changed what she saw."""
            looked = await office.open_task("look_at_territories", after=again.key)
            if looked is not None:
                # The search may show a task that is over by now.
                await office.answer(looked, look_choice="accept", looked_by="mona")
            return await office.open_task("approve_territories")

        approval = await office.until(decided, "the approval")
        await tasklist.open(approval.key, "Two reps are ill.")
        await tasklist.take()
        await form.get_by_text("Publish them to the CRM and to lead routing").click()
        await tasklist.fill("Your log-in", "dora")
        await tasklist.picture("tasklist_territory_approval")
        await tasklist.complete()

        async def published() -> bool:
            return bool(await office.rows("SELECT FROM territories.alignments WHERE state = 'published'"))

        await office.until(published, "the territories to be published")
        (row,) = await office.rows("SELECT owner_id FROM crm.accounts WHERE id = %s", moved["account"])
        assert row["owner_id"] == moved["owner"]
        changed = await office.rows(
            "SELECT FROM crm.accounts a JOIN territories.publications p ON true JOIN territories.plan_accounts t"
            " ON t.version = p.plan_version AND t.account = a.id WHERE t.rep <> a.owner_id"
        )
        assert changed == []

        (row,) = await office.rows(
            "SELECT a.alignment_id, p.version FROM territories.alignments a JOIN territories.publications p USING (alignment_id)"
            " ORDER BY p.id DESC LIMIT 1"
        )
        (moves,) = await office.rows(
            "SELECT count(*) AS n FROM territories.plan_accounts t JOIN territories.publications p"
            " ON t.version = p.plan_version WHERE p.version = %s AND t.owner <> t.rep",
            row["version"],
        )
        address = f"/control/territories/{row['alignment_id']}"
        page = (await office.http.get(address)).text
        assert page.split('aria-labelledby="moves"><table>')[1].split("</table>")[0].count("<tr>") == 1 + moves["n"]
        assert page.count('<img class="map"') == 2  # proposed and edited, as the solver drew them
        assert "Two reps are ill." in page
        (region,) = await office.rows(
            "SELECT r.region, count(DISTINCT t.account) AS accounts, count(DISTINCT t.account) FILTER (WHERE t.owner <> t.rep)"
            " AS changed FROM territories.plan_accounts t JOIN territories.publications p ON t.version = p.plan_version"
            " JOIN territories.reps r ON r.organisation = p.organisation AND r.rep IN (t.owner, t.rep)"
            " WHERE p.version = %s GROUP BY r.region ORDER BY r.region LIMIT 1",
            row["version"],
        )
        own = f"{address}?region={region['region']}"
        sheets = (await office.http.get(own)).text.split('<svg class="map drawn"')[1:]
        # Each account is a dot on both maps, with a ring if it changes hands.
        assert [sheet.split("</svg>")[0].count("h0") for sheet in sheets] == [
            region["accounts"] + region["changed"]
        ] * 2
        async with open_browser() as browser:
            url = str(office.http.base_url).rstrip("/")
            pages = {"territory_real": address, "territory_region_real": own}
            await look_through(browser, url, pages, tmp_path, width=360)
