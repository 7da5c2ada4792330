"""Reading leads, withdrawing them, recording outcomes, and the way to the task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tests.unit.gateway.helpers import Board, Client
from workers.gateway.answers import HumanTask
from workers.runtime.database import Pool

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PROCESS = 2251799813685300
INSTANCE = 2251799813685400


async def run(pool: Pool, query: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description else []


async def routed_lead(pool: Pool, *, state: str = "assigned") -> str:
    """A lead as the process leaves it, with the facts that tasks write."""
    await run(
        pool,
        """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours, languages,
        skills, weight, daily_capacity, open_capacity) VALUES ('rep-1', 'Ana Ruiz', 'ana@example.com', 'ana', '{iberia}',
        'Europe/Madrid', 'ES', '{}', '{es}', '{}', 1, 8, 20)""",
    )
    await run(pool, "INSERT INTO crm.accounts (id, name, owner_id) VALUES ('acc-1', 'Acme', 'rep-1')")
    await run(
        pool,
        """INSERT INTO routing.leads (lead_id, source, external_id, raw, lead, state, received_at, account_id, score,
        routing, owner_id, first_assigned_at, assigned_at, sla_due_at)
        VALUES ('lead-1', 'web_form', '7', '{}', %s, %s, %s, 'acc-1', %s, %s, 'rep-1', %s, %s, %s)""",
        Jsonb({"name": "Bob", "email": "bob@acme.example"}), state, NOON,
        Jsonb({"value": 0.8, "band": "hot", "model_version": "m-1", "source": "model", "reasons": []}),
        Jsonb({"segment": "enterprise", "territory": "iberia", "why": ["large"], "rules": "lead_routing_rules 1.0.0"}),
        NOON + timedelta(seconds=2), NOON + timedelta(seconds=2), NOON + timedelta(hours=4),
    )  # fmt: skip
    await run(
        pool,
        """INSERT INTO routing.assignments (lead_id, round, rep_id, pool, local_day, assigned_at, why)
        VALUES ('lead-1', 0, 'rep-1', 'iberia', '2026-03-02', %s, 'furthest behind their share')""",
        NOON + timedelta(seconds=2),
    )
    resources = [
        {"kind": "process", "id": "lead_routing", "version": 3, "version_tag": "1.0.0", "key": PROCESS},
        {"kind": "decisions", "id": "lead_routing_rules", "version": 2, "version_tag": "1.0.0", "key": 5},
    ]
    await run(
        pool,
        "INSERT INTO runtime.deployments (deployment_key, digest, resources, engine) VALUES (1, 'd', %s, 'local')",
        Jsonb(resources),
    )
    for seconds, action, facts in (
        (1, "scored", {"model_version": "m-1", "value": 0.8}),
        (2, "assigned", {"round": 0}),
    ):
        await run(
            pool,
            """INSERT INTO runtime.timeline (business_id, at, actor, action, why, facts, element_id,
            element_instance_key, process_instance_key, process_definition_key)
            VALUES ('lead-1', %s, 'system', %s, 'because', %s, %s, %s, %s, %s)""",
            NOON + timedelta(seconds=seconds), action, Jsonb(facts), action, seconds, INSTANCE, PROCESS,
        )  # fmt: skip
    return "lead-1"


def task(**fields: object) -> HumanTask:
    given = {"key": 9, "element_id": "accept_lead", "name": "Accept the lead", "state": "CREATED"} | fields
    return HumanTask.model_validate(given)


async def test_one_lead_with_all_that_happened(client: Client, pool: Pool, board: Board) -> None:
    lead_id = await routed_lead(pool)
    board.found[INSTANCE] = [
        task(element_id="triage_lead", name="Triage", state="COMPLETED", assignee="demo", candidate_groups=["sales-ops"],
             created_at=NOON + timedelta(milliseconds=1200), completed_at=NOON + timedelta(milliseconds=1500)),
    ]  # fmt: skip
    view = (await client.get(f"/v1/leads/{lead_id}")).json()
    assert (view["state"], view["owner"]["name"], view["account"]["owner"]["id"]) == ("assigned", "Ana Ruiz", "rep-1")
    assert (view["score"]["value"], view["routing"]["segment"]) == (0.8, "enterprise")
    assert (view["sla"]["overdue"], view["sla"]["seconds_to_assignment"]) == (True, 2.0)
    assert view["assignments"][0]["why"] == "furthest behind their share"
    assert view["versions"] == {
        "process": "lead_routing v3 (1.0.0)",
        "decisions": ["lead_routing_rules v2 (1.0.0)"],
        "model": "m-1",
    }
    told = [(entry["actor"], entry["action"]) for entry in view["timeline"]]
    assert told == [
        ("system", "scored"), ("engine", "task_opened"), ("demo", "task_completed"), ("system", "assigned"),
    ]  # fmt: skip
    assert view["timeline"][0]["model_version"] == "m-1"
    assert view["timeline"][0]["process"] == "lead_routing v3 (1.0.0)"


async def test_who_ended_a_task_is_said_as_far_as_it_is_known(client: Client, pool: Pool, board: Board) -> None:
    lead_id = await routed_lead(pool)
    times = {"created_at": NOON, "completed_at": NOON}
    board.found[INSTANCE] = [
        task(state="COMPLETED", assignee="ana", **times),
        task(state="COMPLETED", **times),  # Camunda keeps the assignee only, and REST completes without one
        task(state="CANCELED", assignee="ana", **times),  # the process went on without her
    ]
    view = (await client.get(f"/v1/leads/{lead_id}")).json()
    told = [(one["actor"], one["action"]) for one in view["timeline"] if one["action"].startswith("task_c")]
    assert told == [
        ("ana", "task_completed"), ("API (nobody assigned)", "task_completed"), ("engine", "task_canceled"),
    ]  # fmt: skip


async def test_without_camunda_the_rest_is_told(client: Client, pool: Pool, board: Board) -> None:
    lead_id = await routed_lead(pool)
    board.reachable = False
    view = (await client.get(f"/v1/leads/{lead_id}")).json()
    assert view["human_tasks"]["known"] is False
    assert "nothing answers" in view["human_tasks"]["note"]
    assert len(view["timeline"]) == 2


async def test_a_lead_just_taken_can_be_read(client: Client) -> None:
    lead = {"source": "web_form", "email": "x@example.com"}
    lead_id = (await client.post("/v1/leads", json=lead)).json()["lead_id"]
    view = (await client.get(f"/v1/leads/{lead_id}")).json()
    assert (view["state"], view["lead"], view["human_tasks"]["known"]) == ("received", lead, True)


async def test_pages_of_a_list_hold_each_lead_once(client: Client, pool: Pool) -> None:
    await client.post("/v1/leads", json=[{"source": "web_form"}] * 7)  # one moment for all: the id decides
    await routed_lead(pool)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await client.get("/v1/leads", params=query)).json()
        seen += [lead["lead_id"] for lead in page["leads"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 8
    assert seen[-1] == "lead-1"  # received long ago
    for params, number in (
        ({"state": "assigned"}, 1), ({"owner": "rep-1"}, 1), ({"owner": "rep-2"}, 0),
        ({"since": "2026-03-02T12:00:00Z"}, 8), ({"since": "2026-03-02T12:00:01"}, 7),
    ):  # fmt: skip
        assert len((await client.get("/v1/leads", params=params)).json()["leads"]) == number


async def test_a_withdrawal_is_sent_once_behind_the_start(client: Client, pool: Pool) -> None:
    lead_id = (await client.post("/v1/leads", json={"source": "web_form"})).json()["lead_id"]
    for status in ("withdrawal asked", "withdrawal asked before"):
        answer = await client.post(f"/v1/leads/{lead_id}/withdraw", json={"why": "sent by mistake"})
        assert (answer.status_code, answer.json()["status"]) == (202, status)
    messages = await run(pool, "SELECT external_id, payload FROM runtime.outbox ORDER BY id")
    assert [row["external_id"] for row in messages] == [f"lead_received:{lead_id}", f"lead_withdrawn:{lead_id}"]
    assert messages[1]["payload"]["variables"] == {"withdraw_why": "sent by mistake"}
    timeline = (await client.get(f"/v1/leads/{lead_id}")).json()["timeline"]
    assert [entry["action"] for entry in timeline] == ["received", "withdrawal_asked"]


async def test_what_is_finished_cannot_be_withdrawn(client: Client, pool: Pool) -> None:
    lead_id = await routed_lead(pool, state="accepted")
    answer = await client.post(f"/v1/leads/{lead_id}/withdraw", json={"why": "too late"})
    assert (answer.status_code, answer.json()["state"]) == (409, "accepted")
    assert answer.json()["type"] == "urn:problem-type:fairlead:lead-finished"


async def test_an_outcome_frees_the_owners_place(client: Client, pool: Pool) -> None:
    lead_id = await routed_lead(pool, state="accepted")
    for converted in (True, True, False):
        assert (await client.post(f"/v1/leads/{lead_id}/outcome", json={"converted": converted})).status_code == 200
    [assignment] = await run(pool, "SELECT closed_at, released_at FROM routing.assignments")
    assert assignment["closed_at"] is not None
    assert assignment["released_at"] is None
    view = (await client.get(f"/v1/leads/{lead_id}")).json()
    assert view["converted"] is False
    said = [entry["why"] for entry in view["timeline"] if entry["action"] == "outcome_recorded"]
    assert said == ["converted", "not converted"]


async def test_the_link_leads_to_the_open_task(client: Client, pool: Pool, board: Board) -> None:
    lead_id = await routed_lead(pool)
    none = await client.get(f"/leads/{lead_id}/task")
    assert (none.status_code, "No open task" in none.text) == (200, True)
    board.found[INSTANCE] = [task(key=8, state="COMPLETED"), task(key=9)]
    there = await client.get(f"/leads/{lead_id}/task")
    assert (there.status_code, there.headers["location"]) == (303, "http://tasklist.example/tasklist/9")
    board.reachable = False
    assert (await client.get(f"/leads/{lead_id}/task")).status_code == 503
    assert (await client.get("/leads/unknown/task")).status_code == 404
    await run(pool, "UPDATE routing.leads SET state = 'accepted'")
    assert "is accepted" in (await client.get(f"/leads/{lead_id}/task")).text
