"""What waits too long: outbox rows and leads, as the database tells; sent now, started again, or given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.operations.conftest import rows
from workers.operations import dead_letters, stuck
from workers.operations.audit import Actor
from workers.operations.model import NotAnAge, Wanted, age
from workers.runtime.database import Pool
from workers.runtime.outbox import put

ANA = Actor("ana", "The dispatcher was away.")
OLD = Wanted(older=timedelta(minutes=10))


async def wait(pool: Pool, minutes: int) -> None:
    """Let all rows and leads be so much older."""
    async with pool.connection() as connection:
        for change in (
            "UPDATE runtime.outbox SET created_at = created_at - make_interval(mins => %s)",
            "UPDATE routing.leads SET state_at = state_at - make_interval(mins => %s)",
        ):
            await connection.execute(change.encode(), (minutes,))


async def lead(pool: Pool, lead_id: str, state: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO routing.leads (lead_id, source, raw, state, sla_due_at)"
            " VALUES (%s, 'web_form', '{}', %s, clock_timestamp() - interval '30 minutes')",
            (lead_id, state),
        )


async def test_rows_that_wait_too_long_are_seen_and_sent_now(pool: Pool) -> None:
    async with pool.connection() as connection:
        await put(connection, "crm.lead", "lead-1", "a", {})
        await connection.execute(
            "UPDATE runtime.outbox SET tries = 3, last_error = 'CrmDown: away', not_before = now() + interval '1 hour'"
        )
    assert await stuck.find(pool, None, OLD) == []
    await wait(pool, 11)
    (found,) = await stuck.find(pool, None, OLD)
    assert (found.kind, found.channel, found.message) == ("outbox", "crm.lead", "3 tries, pausing. CrmDown: away")
    (done,) = await stuck.retry(pool, [found], ANA)
    assert done.ok
    assert await rows(pool, "SELECT not_before <= clock_timestamp(), tries FROM runtime.outbox") == [(True, 3)]


async def test_a_row_that_was_given_up_is_a_settled_dead_letter(pool: Pool) -> None:
    async with pool.connection() as connection:
        await put(connection, "nowhere", "lead-1", "a", {})
    await wait(pool, 11)
    found = await stuck.find(pool, None, OLD)
    (done,) = await stuck.skip(pool, found, ANA)
    assert done.ok
    assert await rows(pool, "SELECT FROM runtime.outbox") == []
    (letter,) = await dead_letters.find(pool, Wanted(), settled=True)
    assert letter.settled == "given up by ana: The dispatcher was away."
    (gone,) = await stuck.skip(pool, found, ANA)
    assert gone.outcome == "refused: it has left the outbox by itself"


async def test_only_leads_that_wait_for_the_system_are_stuck(pool: Pool) -> None:
    for state in ("received", "registered", "triage", "manager", "invalid", "queued", "assigned", "accepted"):
        await lead(pool, f"lead-{state}", state)
    assert {one.key for one in await stuck.find(pool, None, OLD)} == {"lead-assigned"}
    await wait(pool, 11)
    old = {"lead-assigned", "lead-received", "lead-registered"}
    assert {one.key for one in await stuck.find(pool, None, OLD)} == old
    await wait(pool, 60)
    assert {one.key for one in await stuck.find(pool, None, OLD)} == {*old, "lead-queued"}


async def test_a_lead_whose_process_never_began_is_started_again(pool: Pool) -> None:
    await lead(pool, "lead-1", "received")
    await lead(pool, "lead-2", "registered")
    await wait(pool, 11)
    done = {one.business_id: one.outcome for one in await stuck.retry(pool, await stuck.find(pool, None, OLD), ANA)}
    assert done["lead-1"] == "done"
    assert done["lead-2"].startswith("refused: its process has begun")
    query = "SELECT channel, business_id, payload->>'name' AS name, payload->'ttl_seconds' AS ttl FROM runtime.outbox"
    assert await rows(pool, query) == [("zeebe.message", "lead-1", "lead_received", 0)]
    (again, *_) = await stuck.retry(pool, await stuck.find(pool, None, OLD), ANA)
    assert not again.ok


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5_400), ("3d", 259_200)])
def test_an_age_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert age(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10 years", "-3m"])
def test_other_ages_are_refused(text: str) -> None:
    with pytest.raises(NotAnAge):
        age(text)
