"""Quotas are decided in Tasklist, in a real Chromium, on the full local engine: set anew, sent back, given to somebody
else; and by whom is what Camunda knows.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from playwright.async_api import expect
from psycopg.rows import dict_row

from tests.process.quotas import PERIOD, rules, tables
from tests.stack.browser import Tasklist
from tests.stack.conftest import LocalStack
from tests.stack.office import open_office
from workers.control_room.rendering import cents
from workers.engine.found import FoundTask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

UNUSED = ("adjust_amount", "adjust_reason", "decision_comment", "delegate_to")
"""Fields that a decision without them leaves empty."""
PEOPLE = [
    {"login": "demo", "name": "Demo", "email": "demo@fairlead.example", "role": "manager", "node": "A"},
    {"login": "act", "name": "Act", "email": "act@fairlead.example", "role": "director", "node": ""},
]


def _write(file: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with file.open("w") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def quota_stack(planning_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> LocalStack:
    """The shared stack, in which the quotas of two teams wait."""
    folder = tmp_path_factory.mktemp("quotas")
    for name, rows in tables().items():
        _write(folder / f"{name}.csv", rows)
    _write(folder / "people.csv", PEOPLE)
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules() | {"currency": "EUR", "period": PERIOD}))
    for command in (("quota", "load", "field", str(folder)), ("quota", "review", "start", "field", PERIOD)):
        done = planning_stack.fairlead(*command)
        assert done.returncode == 0, done.stderr
    return planning_stack


async def test_a_quota_is_set_sent_back_and_given_to_somebody_else_in_tasklist(
    quota_stack: LocalStack, tasklist: Tasklist
) -> None:
    def rows(query: str) -> list[dict[str, Any]]:
        with psycopg.connect(quota_stack.settings.dsn, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    async with open_office(quota_stack) as office:

        async def open_task(user: str, node: str, after: int = 0) -> FoundTask | None:
            found = await office.camunda.user_tasks(element_id="approve_quota", limit=50)
            marks = {one.key: one for one in found if one.key > after}
            for one in marks.values():
                if any(f"/{node}/" in name for name in one.candidate_users) and user in one.candidate_users:
                    return one
            return None

        first = await office.until(lambda: open_task("demo", "a1"), "the quota of Ana", within=300)
        second = await office.until(lambda: open_task("demo", "a2"), "the quota of Ali")
        form = tasklist.form
        await tasklist.open(second.key, "Ali")
        await tasklist.take()
        await form.get_by_text("Send it back").click()
        await tasklist.fill("Comment", "Not before the plant opens.")
        await tasklist.complete()

        again = await office.until(lambda: open_task("demo", "a2", second.key), "the quota of Ali again")
        await tasklist.open(again.key, "Not before the plant opens.")
        await tasklist.take()
        await form.get_by_text("Somebody else decides").click()
        await tasklist.fill("Log-in of who decides", "act")
        await tasklist.complete()
        await office.until(lambda: open_task("act", "a2", again.key), "it to be Act's")

        # Whoever completes a task by Camunda's API without having claimed it decides nothing, whatever they send along.
        forged = {"decision_choice": "approve", "decided_by": "act"} | dict.fromkeys(UNUSED)
        await office.finish(first, **forged)
        unclaimed = first.key
        first = await office.until(lambda: open_task("demo", "a1", unclaimed), "the quota of Ana again")
        await tasklist.open(first.key, "Nobody had claimed this task")
        for said in ("Why you are asked", "Odds of attainment", "What it does to the units above", "57,000.00 EUR"):
            await expect(form).to_contain_text(said)
        await tasklist.take()
        await form.get_by_text("Set another quota").click()
        await tasklist.fill("The quota, in money", "50000")
        await tasklist.choose("A key account was won or lost")
        await tasklist.picture("tasklist_quota_approval")
        await tasklist.complete()
        last = await office.until(lambda: open_task("act", "a1", first.key), "the director's task")

        # Nor does who set the quota, though the API lets them claim the director's task.
        await office.assign(last, "demo")
        await office.finish(last, **forged)
        again = await office.until(lambda: open_task("act", "a1", last.key), "the director's task again")
        await tasklist.open(again.key, "demo set this quota; somebody else has to approve it.")

        # The control room says the same: who is waited for, by Camunda's own record, and what was decided.
        (review,) = rows("SELECT quota_id FROM quotas.reviews")
        address = f"/control/quotas/{review['quota_id']}"

        async def waits() -> str | None:
            page = (await office.http.get(f"{address}?node=a1")).text
            return page if f'/tasklist/{again.key}"' in page else None

        page = await office.until(waits, "the page to show the director's task")
        waiting = page.split('aria-labelledby="waiting"><table>')[1].split("</table>")[0]
        assert "<td>act</td>" in waiting
        assert f"{cents(5_000_000)}<" in page
        assert f"first {cents(5_700_000)}" in page
        assert "set by demo" in page
        assert "rows are as they were signed" in page
        assert "adds up to the cent" in (await office.http.get(address)).text

    quotas = {row["node"]: row["quota"] for row in rows("SELECT node, quota FROM quotas.cases")}
    assert (quotas["a1"], quotas["a2"], quotas["A"]) == (5_000_000, 6_400_000, 11_400_000)
    decided = rows(
        "SELECT actor, node, seen->>'choice' AS choice FROM quotas.trail WHERE action = 'decided' ORDER BY number"
    )
    assert [(row["actor"], row["node"], row["choice"]) for row in decided] == [
        ("demo", "a2", "reject"),
        ("demo", "a2", "delegate"),
        ("demo", "a1", "adjust"),
    ]
