"""The control room on the real engine: its figures are those of Camunda's own search and of plain SQL, also built anew."""

from __future__ import annotations

import json
import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from tests.control_pages import look_through, open_browser, open_page
from tests.stack.office import ASK_SECONDS, Office, Row, new_lead
from tests.stack.test_operations import lost_lead, put_into_book
from workers.control_room.following import MADE
from workers.engine.found import FoundTask
from workers.sample.door import BUSY
from workers.sample.opportunities import ORGANISATION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ACCEPTED: dict[str, object] = {"owner_response": "accept", "reject_reason": None, "reject_note": None}
DIAGRAMS = {file.stem for file in Path("bpmn").glob("*.bpmn")}
STATES = {None: "ACTIVE", True: "COMPLETED", False: "CANCELED"}


async def told(office: Office, method: str, path: str, body: bytes = b"") -> str:
    """What Camunda answers, as soon as it does."""

    async def answered() -> str | None:
        answer = await office.camunda.pass_on(method, path, body)
        if answer.status_code in BUSY:
            return None
        assert answer.status_code == 200, answer.text
        return answer.text

    return await office.until(answered, f"Camunda to answer {path}")


async def searched(office: Office, what: str, **wanted: object) -> list[dict[str, Any]]:
    """Everything that Camunda's own search (Operate's API of 8.6) has; at most 1,000."""
    body = json.dumps({"filter": wanted, "size": 1_000}).encode()
    found: list[dict[str, Any]] = json.loads(await told(office, "POST", f"/v1/{what}/search", body))["items"]
    return found


def at(text: str | None) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") if text else None


async def instances(office: Office) -> dict[int, tuple[Any, ...]]:
    rows = await office.rows("SELECT * FROM control.instances")
    return {
        r["key"]: (r["process"], r["version"], STATES[r["completed"]], r["started_at"], r["ended_at"]) for r in rows
    }


async def theirs(office: Office) -> dict[int, tuple[Any, ...]]:
    return {
        int(one["key"]): (
            one["bpmnProcessId"], one["processVersion"], one["state"], at(one["startDate"]), at(one.get("endDate")),
        )
        for one in await searched(office, "process-instances")
    }  # fmt: skip


async def read_so_far(office: Office) -> list[Row]:
    return await office.rows(
        "SELECT value_type, partition, sequence FROM control.cursors ORDER BY value_type, partition"
    )


async def everything(office: Office) -> list[list[Row]]:
    days = "SELECT * FROM control.element_days WHERE number <> 0 ORDER BY process_key, day, element, kind, class"
    tables = [
        f"SELECT * FROM control.{name} ORDER BY key"
        for name in ("processes", "instances", "elements", "user_tasks", "incidents")
    ]
    mined = [f"SELECT * FROM control.{name} AS t ORDER BY t::text" for name in MADE if name != "predictions"]
    return [await office.rows(query) for query in (*tables, days, *mined)]


async def settled(office: Office) -> bool:
    return not await office.rows("SELECT FROM control.instances WHERE NOT settled AND ended_at IS NOT NULL")


async def a_day(office: Office) -> list[str]:
    """Leads of which some are accepted, one is triaged, one stops; all of the system's part is done."""
    ids = await office.send(
        *(new_lead() for _ in range(6)), new_lead(country="BR", language="pt", name=f"Luísa {secrets.token_hex(2)}")
    )
    await office.quiet(ids)
    for lead_id in ids[:3]:
        await office.complete(lead_id, "accept_lead", **ACCEPTED)
        await office.reaches(lead_id, "accepted")
    return ids


async def test_the_read_model_says_what_camunda_says_also_built_anew(office: Office) -> None:
    ids = await a_day(office)

    async def alike() -> bool:
        ours = await instances(office)
        return len(ours) >= len(ids) and ours == await theirs(office)

    await office.until(alike, "read model and Camunda's search to have the same instances")

    for lead_id in ids:
        (lead,) = await office.rows("SELECT process_instance_key AS key FROM routing.leads WHERE lead_id = %s", lead_id)

        async def same(key: int = lead["key"]) -> bool:
            steps = await office.rows("SELECT * FROM control.elements WHERE instance_key = %s", key)
            ours = {
                (r["key"], r["element"], r["kind"], {None: "ACTIVE", True: "COMPLETED", False: "TERMINATED"}[r["completed"]],
                 r["started_at"], r["ended_at"])
                for r in steps
            }  # fmt: skip
            found = await searched(office, "flownode-instances", processInstanceKey=key)
            return ours == {
                (
                    int(one["key"]),
                    one["flowNodeId"],
                    one["type"],
                    one["state"],
                    at(one["startDate"]),
                    at(one.get("endDate")),
                )
                for one in found
            }

        await office.until(same, f"the steps of {lead_id} to be Camunda's")

    async def same_tasks() -> bool:
        ours = {
            (row["key"], row["element"], {None: "CREATED", True: "COMPLETED", False: "CANCELED"}[row["completed"]],
             row["instance_key"], tuple(row["groups"]))
            for row in await office.rows("SELECT * FROM control.user_tasks")
        }  # fmt: skip
        found = await office.camunda.user_tasks(state=None, limit=1_000)
        return bool(ours) and ours == {
            (one.key, one.element_id, one.state, one.process_instance_key, one.candidate_groups) for one in found
        }

    await office.until(same_tasks, "the tasks to be Camunda's")
    assert not await office.rows("SELECT FROM control.user_tasks WHERE due_at IS NULL")

    async def owners() -> bool:
        """Whether each open task is the lead's owner's; a lead may just be on its way to another one."""
        return not await office.rows(
            "SELECT FROM control.user_tasks t JOIN routing.leads l ON l.process_instance_key = t.instance_key"
            " JOIN routing.reps r ON r.id = l.owner_id"
            " WHERE t.element = 'accept_lead' AND t.ended_at IS NULL AND t.users <> ARRAY[r.login]"
        )

    await office.until(owners, "the open tasks to be those of the owners")

    async def attended() -> bool:
        unseen = await office.rows(
            "SELECT FROM control.user_tasks t LEFT JOIN control.predictions p USING (key)"
            " WHERE t.ended_at IS NULL AND p.level IS NULL"
        )
        (state,) = await office.rows("SELECT attended_at, attention_problem FROM prediction.state")
        return not unseen and state["attended_at"] is not None and state["attention_problem"] is None

    await office.until(attended, "the predictor to ask the engine's table of attention for each open task")

    async def built_anew() -> tuple[list[list[Row]], list[list[Row]]] | None:
        """What was there before and after; None: the engine went on in between (a timer, a delivery), so they can't be compared."""
        read = await read_so_far(office)
        await office.until(lambda: settled(office), "the paths of what has ended")
        before = await everything(office)
        if await read_so_far(office) != read:
            return None
        done = office.stack.fairlead("readmodel", "rebuild", "--yes")
        assert done.returncode == 0, done.stderr
        await office.until(lambda: settled(office), "the paths made anew")  # its own service may do a part of it
        after = await everything(office)
        return (before, after) if await read_so_far(office) == read else None

    before, after = await office.until(built_anew, "the read model built anew from the same records")
    assert after == before
    found = await office.rows(
        "SELECT process, d.kind, element FROM control.deviations d JOIN control.processes p ON p.key = process_key"
        " WHERE d.kind IN ('unknown', 'unexplained')"
    )
    assert found == [], "the engine does what its diagrams allow"
    assert await office.rows("SELECT FROM control.paths")


async def test_the_page_s_figures_are_those_of_plain_sql(office: Office) -> None:
    await a_day(office)
    leads = await office.rows(
        "SELECT received_at, accepted_at, process_instance_key AS key FROM routing.leads"
        " WHERE received_at > now() - interval '24 hours'"
    )
    took = [(row["accepted_at"] - row["received_at"]).total_seconds() for row in leads if row["accepted_at"]]

    async def shown() -> bool:
        page = (await office.http.get("/control")).text
        received = re.search(r"Leads received</h2><p class=\"big\"><a [^>]*>(\d+)<", page)
        return received is not None and int(received[1]) == len(leads)

    await office.until(shown, f"the page to show {len(leads)} leads")
    metrics = f"http://127.0.0.1:{office.settings.ports.readmodel_metrics}/metrics"

    async def measured() -> bool:
        async with httpx.AsyncClient(timeout=ASK_SECONDS) as http:
            found = re.search(
                r"^fairlead_kpi_speed_to_lead_p50_seconds (\S+)$", (await http.get(metrics)).text, re.MULTILINE
            )
        return found is not None and abs(float(found[1]) - median(took)) < 0.001

    await office.until(measured, "Prometheus to have the median")

    # People's part, by hand: of an accepted lead without triage, from its task's creation to its end.
    async def known() -> list[Row]:
        return await office.rows(
            "SELECT s.* FROM control.lead_speed s WHERE accepted_at IS NOT NULL AND human_seconds > 0"
            " AND (SELECT count(*) FROM control.user_tasks t WHERE t.instance_key = s.instance_key) = 1"
        )

    for row in await office.until(known, "accepted leads in the read model"):

        async def found(key: int = row["instance_key"]) -> list[FoundTask]:
            return await office.camunda.user_tasks(state="COMPLETED", process_instance_key=key)

        (task,) = await office.until(found, "Camunda's search, which lags, to have the completed task")
        assert task.created_at is not None
        assert task.completed_at is not None
        assert row["human_seconds"] == pytest.approx((task.completed_at - task.created_at).total_seconds(), abs=0.002)
        assert row["system_seconds"] < row["seconds"]
        assert task.completed_at - task.created_at < timedelta(hours=1)


async def test_an_incident_is_mended_from_the_page(office: Office) -> None:
    lead_id = await lost_lead(office)

    async def seen() -> Row | None:
        found = await office.rows(
            "SELECT f.* FROM control.incidents f WHERE resolved_at IS NULL AND message LIKE %s", f"%{lead_id}%"
        )
        return found[0] if found else None

    incident = await office.until(seen, f"the incident of {lead_id} in the read model")
    await put_into_book(office, lead_id)

    async def listed() -> str | None:
        page = (await office.http.get("/control/operations")).text
        return page if f'value="{incident["key"]}"' in page else None

    page = await office.until(listed, "the page to list the incident, which the search may have later")
    word = re.search(r'name="word" value="([0-9a-f]+)"', page)
    assert word is not None
    sent = {"word": word[1], "what": "incidents", "key": str(incident["key"]), "why": "The lead is in the book now."}
    done = await office.http.post("/control/operations", data=sent)
    assert "1 of 1 done" in done.text, done.text
    await office.reaches(lead_id, "assigned")

    async def resolved() -> bool:
        rows = await office.rows("SELECT resolved_at FROM control.incidents WHERE key = %s", incident["key"])
        return rows[0]["resolved_at"] is not None

    await office.until(resolved, "the read model to see the incident resolved")


async def test_every_process_is_listed_with_its_diagram_and_its_cases(office: Office) -> None:
    await office.run("UPDATE selling.organisations SET territories = '{dach}', minutes_a_day = 70")
    asked = office.stack.fairlead("opportunities", "rank", ORGANISATION)
    assert asked.returncode == 0, asked.stderr

    async def there() -> list[Row]:
        return await office.rows(
            "SELECT * FROM control.user_tasks WHERE element = 'work_through_list' AND ended_at IS NULL"
        )

    (task, *_) = await office.until(there, "a list of opportunities in the read model")

    async def case_page() -> str | None:
        """The page of the case, whose task may have come before its instance and its variables."""
        (case,) = await office.rows("SELECT control.case_of(%s) AS id", task["instance_key"])
        page = (await office.http.get(f"/control/instances/{task['instance_key']}")).text
        return page if case["id"] and f"<h1>{case['id']}</h1>" in page else None

    page = await office.until(case_page, "the page of the list's case")
    assert "Work through the list" in page  # as the diagram calls it

    async def alike() -> dict[int, Row] | None:
        """The processes of the read model, once they are those of Camunda's search."""
        ours = {row["key"]: row for row in await office.rows("SELECT * FROM control.processes")}
        known = await searched(office, "process-definitions")
        return (
            ours
            if {row["key"]: (row["process"], row["version"]) for row in ours.values()}
            == {one["key"]: (one["bpmnProcessId"], one["version"]) for one in known}
            else None
        )

    ours = await office.until(alike, "read model and Camunda's search to have the same processes")
    assert {row["process"] for row in ours.values()} >= DIAGRAMS
    page = (await office.http.get("/control/processes")).text
    for key, row in ours.items():
        assert f'href="/control/processes/{row["process"]}?version={row["version"]}&amp;' in page
        drawn = await office.http.get(f"/control/diagrams/{key}.bpmn")
        assert drawn.text == await told(office, "GET", f"/v1/process-definitions/{key}/xml")


async def test_pages_of_real_cases_are_whole_and_without_serious_faults(office: Office, tmp_path: Path) -> None:
    ids = await a_day(office)

    async def known() -> list[Row]:
        return await office.rows(
            "SELECT key FROM control.instances JOIN routing.leads ON process_instance_key = key"
            " WHERE lead_id = %s AND ended_at IS NOT NULL",
            ids[0],
        )

    (instance,) = await office.until(known, "an accepted lead in the read model")
    processes = await office.rows("SELECT DISTINCT process FROM control.processes")
    addresses = {
        "today": "/control", "leads": "/control/leads/leads", "tasks": "/control/tasks",
        "processes": "/control/processes?period=30d", "instance": f"/control/instances/{instance['key']}",
        "operations": "/control/operations", "shares": "/control/processes/lead_routing/versions",
        "paths": "/control/processes/lead_routing/paths?period=30d",
        "versions": "/control/processes/lead_routing/compare?period=30d", "kpi": "/control/kpis/speed_to_lead_p95",
        "attention": "/control/attention",
    } | {row["process"]: f"/control/processes/{row['process']}?show=duration&period=30d" for row in processes}  # fmt: skip
    async with open_browser() as browser:
        for width in (360, 1440):
            await look_through(browser, str(office.http.base_url).rstrip("/"), addresses, tmp_path, width=width)


async def test_a_lead_is_seen_on_an_open_page(office: Office) -> None:
    async with open_browser() as browser:
        url = str(office.http.base_url).rstrip("/")
        page, faults = await open_page(browser, url)
        await page.goto(f"{url}/control/leads/leads")
        await expect(page.locator("#live-state")).to_have_text("live")
        lead = new_lead()
        await office.send(lead)
        await expect(page.locator("tbody th", has_text=str(lead["name"]))).to_be_visible()
        assert not faults
