"""What self-healing sees in the database: leads that are held up, scores that miss, jobs whose retry was forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.unit.operations.conftest import rows
from workers.healing import observing, observing_leads
from workers.healing.model import HeldLead, WaitingJob
from workers.lead_routing.domain.refusals import TAKEN_BACK
from workers.runtime.database import Pool

LEAD = """
    INSERT INTO routing.leads (lead_id, source, raw, lead, routing, state, owner_id, assigned_at, sla_due_at,
                               process_instance_key, accepted_at)
    VALUES (%(id)s, 'web_form', '{}', %(lead)s, %(routing)s, %(state)s, %(owner)s, now() - interval '1 minute',
            now() + interval '1 hour', 7, CASE %(state)s WHEN 'accepted' THEN now() END)
"""


async def sell(pool: Pool, *reps: str) -> None:
    async with pool.connection() as connection:
        for rep in reps:
            await connection.execute(
                "INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,"
                " languages, skills, weight, daily_capacity, open_capacity)"
                " VALUES (%(id)s, %(id)s, '', %(id)s, '{dach}', 'UTC', 'US', '{}', '{de}', '{core}', 1, 9, 9)",
                {"id": rep},
            )


async def lead(pool: Pool, lead_id: str, owner: str, product: str = "core", state: str = "assigned") -> None:
    given: dict[str, object] = {
        "id": lead_id, "owner": owner, "state": state, "lead": Jsonb({"product": product}),
        "routing": Jsonb({"territory": "dach"}),
    }  # fmt: skip
    async with pool.connection() as connection:
        await connection.execute(LEAD, given)
        if state == "accepted":
            await connection.execute(
                "INSERT INTO routing.assignments (lead_id, round, rep_id, local_day, assigned_at, why, accepted_at)"
                " VALUES (%s, 0, %s, now(), now(), '', now())",
                (lead_id, owner),
            )


async def refused(pool: Pool, by: str, *leads: str, product: str = "core", reason: str = "wrong_fit") -> None:
    for lead_id in leads:
        await lead(pool, lead_id, by, product, "discarded")
        facts = Jsonb({"owner": by, "reason": reason})
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO runtime.timeline (business_id, actor, action, facts) VALUES (%s, 'x', 'rejected', %s)",
                (lead_id, facts),
            )


async def held(pool: Pool) -> dict[str, tuple[str, float]]:
    return {one.business_id: (one.symptom, one.value) for one in await observing_leads.of_owners(pool)}


async def test_an_owner_who_has_left_or_is_away_too_long(pool: Pool) -> None:
    await sell(pool, "ana", "ben", "eva")
    for owner in ("ana", "ben", "eva"):
        await lead(pool, f"of-{owner}", owner)
    assert await held(pool) == {}
    await rows(pool, "UPDATE routing.reps SET active = false WHERE id = 'ana' RETURNING 1")
    absence = "INSERT INTO routing.absences (rep_id, starts_at, ends_at) VALUES (%s, now() - interval '5 minutes', %s) RETURNING 1"
    (now,) = (await rows(pool, "SELECT now()"))[0]
    await rows(pool, absence, "ben", now + timedelta(minutes=30))  # back before it is due
    await rows(pool, absence, "eva", now + timedelta(hours=2))
    found = {one.business_id: one for one in await observing_leads.of_owners(pool)}
    assert {key: one.symptom for key, one in found.items()} == {"of-ana": "owner_left", "of-eva": "owner_absent"}
    item = found["of-eva"].item
    assert isinstance(item, HeldLead)
    assert (item.lead_id, item.owner_id, item.instance_key) == ("of-eva", "eva", 7)
    assert found["of-eva"].since == item.assigned_at  # later than the beginning of the absence
    assert {one.symptom for one in found.values()} <= set(TAKEN_BACK)


async def test_refusals_of_a_kind_make_a_pattern_unless_one_was_taken(pool: Pool) -> None:
    await sell(pool, "ana", "ben")
    await lead(pool, "now", "ana")
    await lead(pool, "other-kind", "ana", product="planning")
    await refused(pool, "ana", "a1", "a2", reason="no_time")  # says nothing of the kind
    await refused(pool, "ana", "a3", reason="owner_left")  # said by ourselves
    assert await held(pool) == {}
    await refused(pool, "ana", "a4", "a5", "a6", reason="conflict")
    assert await held(pool) == {"now": ("refused_by_owner", 3)}
    await lead(pool, "taken", "ana", state="accepted")
    assert await held(pool) == {}
    await rows(
        pool, "UPDATE routing.leads SET accepted_at = now() - interval '8 days' WHERE lead_id = 'taken' RETURNING 1"
    )
    await rows(pool, "UPDATE routing.assignments SET accepted_at = now() - interval '8 days' RETURNING 1")
    await rows(pool, "UPDATE runtime.timeline SET at = now() - interval '8 days' RETURNING 1")
    assert await held(pool) == {}


async def test_a_territory_whose_people_all_refuse(pool: Pool) -> None:
    await sell(pool, "ana", "ben", "eva")
    await refused(pool, "ana", "a1")
    await refused(pool, "ben", "b1")
    await lead(pool, "now", "eva")
    assert await held(pool) == {"now": ("refused_by_territory", 2)}
    await refused(pool, "eva", "e1")
    assert await held(pool) == {"now": ("refused_by_territory", 3)}
    await lead(pool, "taken", "ben", state="accepted")
    assert await held(pool) == {}


@pytest.mark.parametrize(("converted", "value"), [(30, 0.0), (70, 8.73)])
async def test_scores_that_outcomes_do_not_bear_out(pool: Pool, converted: int, value: float) -> None:
    await rows(
        pool,
        "INSERT INTO routing.models (version, schema_name, card, artifact, active, created_at)"
        " VALUES ('v1', 'sales_leads', '{}', '', true, now() - interval '1 day') RETURNING 1",
    )
    for number in range(100):
        await lead(pool, f"lead-{number}", "ana", state="discarded")
    await rows(
        pool,
        'UPDATE routing.leads SET score = \'{"value": 0.3, "model_version": "v1"}\', outcome_at = now(),'
        " converted = split_part(lead_id, '-', 2)::int < %s RETURNING 1",
        converted,
    )
    (found,) = await observing_leads.of_scores(pool)
    assert found.value == pytest.approx(value, abs=0.01)
    await rows(
        pool,
        "INSERT INTO runtime.timeline (business_id, actor, action) VALUES ('scorer:sales_leads', 'x', 'drift_checked')"
        " RETURNING 1",
    )
    assert await observing_leads.of_scores(pool) == []  # a check has looked at all of them


async def waiting(pool: Pool) -> list[Any]:
    return await observing.of_back_offs(pool)


async def test_a_job_whose_retry_was_forgotten(pool: Pool) -> None:
    await rows(
        pool,
        "INSERT INTO control.elements (key, instance_key, process_key, element, kind, scope_key, started_at, position)"
        " VALUES (11, 10, 1, 'write_owner', 'SERVICE_TASK', 10, now(), 1) RETURNING 1",
    )
    await rows(
        pool,
        "INSERT INTO control.jobs (key, element_key, instance_key, process_key, process, element, job_type, waits_until,"
        " position) VALUES ((1::bigint << 51) + 12, 11, 10, 1, 'lead_routing', 'write_owner', 'x', now() - interval '5 minutes', 2)"
        " RETURNING 1",
    )
    assert await waiting(pool) == []  # the read model has seen nothing later, so it may be behind
    cursor = "INSERT INTO control.cursors (value_type, partition, sequence, record_at, read_at) VALUES (%s, 1, 1, %s, %s) RETURNING 1"
    (now,) = (await rows(pool, "SELECT now()"))[0]
    await rows(pool, cursor, "PROCESS_INSTANCE", now, now)
    await rows(pool, cursor, "JOB", now - timedelta(minutes=6), now - timedelta(minutes=2))
    assert await waiting(pool) == []  # nobody has looked for jobs lately
    await rows(pool, "UPDATE control.cursors SET read_at = now() RETURNING 1")
    (found,) = await waiting(pool)
    assert found.item == WaitingJob((1 << 51) + 12, 11, 10, 10, "write_owner")
    await rows(pool, "UPDATE control.elements SET ended_at = now() RETURNING 1")
    assert await waiting(pool) == []
