"""The tasks of assignment, run by the runtime on a real PostgreSQL as a worker runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from psycopg.rows import DictRow
from pydantic import ValidationError

from tests.unit.lead_routing.assignment.sales_floor import NOON, OFFICE, Seat, credits_of, leads, seat
from workers.lead_routing.wiring import close
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.errors import BusinessError, CaseClosed, PermanentError
from workers.runtime.resources import Resources
from workers.runtime.unit import execute, validated
from workers.runtime.work import JobInfo
from workers.settings import Settings

LEAD = "lead-00000"
SLA = {"remind": 30, "due": 60, "escalate": 120}
ROUTING = {
    "segment": "mid-market",
    "territory": "dach",
    "skills": None,
    "accept_sla": {"remind": 30, "due": 60},
    "triage_sla": SLA,
    "manager_sla": SLA,
    "auto": True,
    "why": ["Mid-market of DACH."],
    "why_text": "- Mid-market of DACH.",
    "rules": "lead_routing_rules 1.0.0",
}
FROM_TABLE = {
    "value": 0.5,
    "band": "warm",
    "reasons": [{"feature": "job_level", "label": "Level", "value": "c", "effect": None, "text": "Decides."}],
    "reasons_text": "- Decides.",
    "model_version": None,
    "source": "table",
}


@dataclass
class Process:
    """Runs tasks with the variables of one process instance, as the engine would hand them over."""

    resources: Resources
    variables: dict[str, Any]
    keys: count[int] = field(default_factory=lambda: count(1))

    async def run(self, element_id: str, **inputs: object) -> dict[str, Any]:
        spec = discovery.find(f"lead_routing.{element_id.partition('__')[0]}")
        given = validated(spec, {**self.variables, **inputs})
        key = next(self.keys)
        loop = "" if spec.loop is None else str(getattr(given, spec.loop))
        job = JobInfo(spec.job_type, element_id, LEAD, loop, key, 1, key, 1)
        result = (await execute(spec, given, job, self.resources, "workers")).result
        self.variables |= result
        return result

    async def rows(self, query: str) -> list[DictRow]:
        async with self.resources.pool.connection() as connection:
            return await (await connection.execute(query.encode())).fetchall()

    async def lead(self) -> DictRow:
        (row,) = await self.rows("SELECT * FROM routing.leads")
        return row

    async def timeline(self) -> list[str]:
        return [row["action"] for row in await self.rows("SELECT action FROM runtime.timeline ORDER BY id")]

    async def credits(self) -> dict[str, float]:
        async with self.resources.pool.connection() as connection:
            return await credits_of(connection, "dach")

    async def staff(self, *seats: Seat) -> None:
        async with self.resources.pool.connection() as connection:
            await seat(connection, seats)


@pytest.fixture
async def process(pool: Pool) -> AsyncIterator[Process]:
    resources = Resources(Settings(), pool, clock=lambda: NOON)
    async with pool.connection() as connection:
        await leads(connection, 1)
        await connection.execute("UPDATE routing.leads SET lead = '{}', state = 'registered'")
    yield Process(
        resources,
        {
            "lead_id": LEAD,
            "received_at": "2026-11-18T11:59:58.5Z",
            "lead": {"language": "de", "attributes": {}},
            "routing": ROUTING,
            "account": None,
            "score": FROM_TABLE,
        },
    )
    await close(resources)


async def test_assigning_books_all_that_belongs_to_it(process: Process) -> None:
    await process.staff(Seat("ana", timezone="Europe/Berlin", hours=OFFICE))
    result = await process.run("assign_owner")
    assert result == {
        "round": 0,
        "assignment": {
            "owner_id": "ana",
            "owner_name": "Ana",
            "owner_email": "ana@example.com",
            "owner_login": "ana",
            "why": "Next in turn of 1 who could take it, of 1 in dach; share 100%.",
            "assigned_at": "2026-11-18T12:00:00Z",
            "territory": "dach",
        },
        "acceptance_deadlines": {"remind_at": "2026-11-18T12:30:00Z", "due_at": "2026-11-18T13:00:00Z"},
    }
    lead = await process.lead()
    assert (lead["state"], lead["owner_id"], lead["assigned_at"]) == ("assigned", "ana", NOON)
    assert lead["sla_due_at"] == NOON + timedelta(hours=1)
    assert lead["routing"]["rules"] == "lead_routing_rules 1.0.0"
    assert lead["score"]["source"] == "table", "what only the engine knew is stored"
    (decided, assigned) = await process.rows("SELECT * FROM runtime.timeline ORDER BY id")
    assert (decided["action"], decided["why"]) == ("decided", "Mid-market of DACH.")
    assert assigned["facts"]["after_seconds"] == 1.5
    (effect,) = await process.rows("SELECT recorded FROM runtime.effects")
    assert effect["recorded"]["owner_id"] == "ana"


def due(name: str, **variables: object) -> datetime | None:
    spec = discovery.find(f"lead_routing.{name}")
    assert spec.due is not None
    return spec.due(validated(spec, {"lead_id": LEAD, **variables}))


async def test_waiting_jobs_are_due_when_the_people_are(process: Process) -> None:
    assert due("assign_owner", **process.variables) == NOON - timedelta(seconds=1.5) + timedelta(minutes=60)
    at = NOON + timedelta(hours=2)
    notice = {"assignment": {"owner_id": "ana", "owner_email": "ana@example.com", "why": "Her turn."}, "round": 0}
    deadlines = {"acceptance_deadlines": {"due_at": at.isoformat()}}
    assert due("notify_owner", **process.variables, **notice, **deadlines) == at
    told = {"task_name": "Accept lead", "occurrence": "1", "due_at": at.isoformat(), "audience": "owner"}
    assert due("send_reminder", **told) == due("send_escalation", **told) == at


async def test_refusal_undoes_and_goes_to_somebody_else(process: Process) -> None:
    await process.staff(Seat("ana", weight=2), Seat("ben"))
    assert (await process.run("assign_owner"))["assignment"]["owner_id"] == "ana"
    assert (await process.run("release_owner"))["owner_released"] is True
    assert set((await process.credits()).values()) == {0.0}
    process.variables |= {"owner_response": "reject", "reject_reason": "no_time", "reject_note": "Sorry"}
    refusal = await process.run("note_refusal")
    assert refusal == {
        "round": 1,
        "refused_by": ["ana"],
        "refusals": 1,
        "chosen_owner": None,
        "chosen_by": None,
        "owner_response": None,
    }
    assert (await process.run("assign_owner"))["assignment"]["owner_id"] == "ben"
    await process.run("release_owner")
    process.variables |= {"owner_response": "sla_breached"}
    assert (await process.run("note_refusal"))["refused_by"] == ["ana", "ben"]
    assert (await process.lead())["sla_breaches"] == 1
    with pytest.raises(BusinessError) as nobody:
        await process.run("assign_owner")
    assert nobody.value.variables["no_owner_why"] == (
        "None of the 2 people of dach can take it now: has already refused this lead (2)."
    )
    assert await process.timeline() == [
        *("decided", "assigned", "released", "rejected"),
        *("assigned", "released", "sla_breached"),
    ]


async def test_a_job_seen_again_changes_nothing(process: Process) -> None:
    await process.staff(Seat("ana"), Seat("ben"))
    first = await process.run("assign_owner")
    before = await process.credits()
    assert await process.run("assign_owner") == first
    assert await process.credits() == before
    assert (await process.run("release_owner"))["owner_released"] is True
    after = await process.credits()
    assert await process.run("release_owner") == {"owner_released": True}
    assert await process.credits() == after


async def test_releasing_what_never_was_does_nothing(process: Process) -> None:
    assert await process.run("release_owner", round=0) == {"owner_released": False}


async def test_queue_waits_for_the_next_suitable_person_and_at_most_an_hour(process: Process) -> None:
    await process.staff(Seat("tokyo", timezone="Asia/Tokyo", hours=OFFICE))
    with pytest.raises(BusinessError, match="out of working hours"):
        await process.run("assign_owner")
    queued = await process.run("queue_lead", no_owner_why="All asleep.")
    assert queued == {"queue_round": 1, "queue_retry_at": "2026-11-18T13:00:00Z"}
    lead = await process.lead()
    assert (lead["state"], lead["routing"]["territory"]) == ("queued", "dach")
    await process.staff(Seat("soon", hours={"wed": [["12:20", "17:00"]]}))
    assert await process.run("queue_lead", no_owner_why="Not yet.") == {
        "queue_round": 2,
        "queue_retry_at": "2026-11-18T12:20:00Z",
    }
    await process.staff(Seat("now"))
    again = await process.run("queue_lead", no_owner_why="Just now.")
    assert again["queue_retry_at"] == "2026-11-18T12:01:00Z"


async def test_triage_is_prepared_and_its_choice_booked(process: Process) -> None:
    await process.staff(Seat("ana", room=20, daily=8), Seat("ben", room=0))
    task_sla = {"remind": 30, "due": 600, "escalate": 1200}
    for _ in range(2):  # idempotent
        asked = await process.run("suggest_owners__triage", audience="sales-ops", task_sla=task_sla)
        assert [each["value"] for each in asked["suggested_owners"]] == ["ana", "ben"]
    assert asked["suggested_owners"][0]["label"] == ("Ana · 0 of 20 open, 0 of 8 today · speaks de,en · at work now")
    assert asked["decision_deadlines"] == {
        "remind_at": "2026-11-18T12:30:00Z",
        "due_at": "2026-11-19T13:30:00Z",  # office hours of the organisation: 9:00 to 17:30 UTC
        "escalate_at": "2026-11-20T15:00:00Z",
    }
    assert (await process.lead())["state"] == "triage"
    with pytest.raises(BusinessError, match="The chosen owner has no room"):
        await process.run("assign_owner", chosen_owner="ben", chosen_by="triage")
    chosen = await process.run("assign_owner", chosen_owner="ana", chosen_by="triage")
    assert chosen["assignment"]["why"] == "Chosen in triage."
    assert await process.credits() == {}


async def test_manager_may_go_over_capacity_and_that_is_recorded(process: Process) -> None:
    await process.staff(Seat("ben", room=0))
    asked = await process.run("suggest_owners__manager", audience="sales-managers", task_sla=SLA)
    assert [each["value"] for each in asked["suggested_owners"]] == ["ben"]
    assert (await process.lead())["state"] == "manager"
    await process.run("assign_owner", chosen_owner="ben", chosen_by="manager")
    (noted,) = await process.rows("SELECT facts FROM runtime.timeline WHERE action = 'assigned'")
    assert noted["facts"]["overrides"] == ["open_capacity"]


async def test_acceptance_is_told_to_the_crm(process: Process) -> None:
    await process.staff(Seat("ana"))
    await process.run("assign_owner")
    assert await process.run("confirm_acceptance", round=0) == {"accepted_at": "2026-11-18T12:00:00Z"}
    assert (await process.lead())["state"] == "accepted"
    (row,) = await process.rows("SELECT channel, payload FROM runtime.outbox")
    assert (row["channel"], row["payload"]) == ("crm.lead", {"lead_id": LEAD, "status": "accepted"})
    (booked,) = await process.rows("SELECT accepted_at FROM routing.assignments")
    assert booked["accepted_at"] == NOON


async def test_acceptance_of_a_released_assignment_is_an_incident(process: Process) -> None:
    await process.staff(Seat("ana"))
    await process.run("assign_owner")
    await process.run("release_owner")
    with pytest.raises(PermanentError, match="was released"):
        await process.run("confirm_acceptance", round=0)


async def test_withdrawal_gives_back_what_an_interrupted_job_booked(process: Process) -> None:
    await process.staff(Seat("ana"), Seat("ben"))
    await process.run("assign_owner")
    await process.run("record_withdrawal")
    settled = await process.run("settle_withdrawal")
    assert settled["leftovers_undone"] == ["assign_owner"]
    assert set((await process.credits()).values()) == {0.0}
    lead = await process.lead()
    assert (lead["state"], lead["owner_id"]) == ("withdrawn", None)
    with pytest.raises(CaseClosed):
        await process.run("assign_owner", round=1)


def test_contract_names_what_is_missing() -> None:
    spec = discovery.find("lead_routing.assign_owner")
    with pytest.raises(ValidationError, match="accept_sla"):
        spec.input_model.model_validate(
            {"lead_id": LEAD, "lead": {}, "routing": {"territory": "dach"}, "received_at": datetime.now(UTC)}
        )
