"""The states of a lead in the book, and what may follow on what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.lead_routing.leads.casework import Casework
from workers.lead_routing import wiring
from workers.lead_routing.ports.leads import FINAL, LeadBook
from workers.runtime import discovery, unit
from workers.runtime.errors import CaseClosed, PermanentError
from workers.runtime.work import JobInfo

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
async def book(case: Casework) -> AsyncIterator[LeadBook]:
    """The book in the hands of some job; each statement is committed at once."""
    await case.register("lead", {"name": "Ana", "email": "ana@acme.es"})
    job = JobInfo("lead_routing.register_lead", "x", "lead", "", 1, 1, 1, 1)
    spec = discovery.find(job.job_type)
    async with case.resources.pool.connection() as connection:
        await connection.set_autocommit(True)
        work = unit.JobWork(job, spec, case.resources, discovery.ROOT, connection)
        yield wiring.ports(case.resources, work).leads
        await connection.set_autocommit(False)


async def test_an_owner_comes_and_goes_and_the_first_time_is_kept(case: Casework, book: LeadBook) -> None:
    await book.set_owner("lead", "ana", NOON, NOON + timedelta(hours=1))
    lead = await case.lead("lead")
    assert (lead["state"], lead["owner_id"], lead["assigned_at"], lead["sla_due_at"]) == (
        "assigned",
        "ana",
        NOON,
        NOON + timedelta(hours=1),
    )
    await book.clear_owner("lead")
    await book.refused("lead", breached=True)
    await book.refused("lead", breached=False)
    lead = await case.lead("lead")
    assert (lead["state"], lead["owner_id"], lead["assigned_at"], lead["sla_due_at"], lead["sla_breaches"]) == (
        "registered",
        None,
        None,
        None,
        1,
    )
    await book.set_owner("lead", "ben", NOON + timedelta(days=1), None)
    await book.accepted("lead", NOON + timedelta(days=2))
    lead = await case.lead("lead")
    assert (lead["state"], lead["first_assigned_at"], lead["accepted_at"]) == (
        "accepted",
        NOON,
        NOON + timedelta(days=2),
    )


@pytest.mark.parametrize("final", sorted(FINAL))
async def test_what_has_ended_stays_so(case: Casework, book: LeadBook, final: str) -> None:
    await case.sql("UPDATE routing.leads SET state = %s, owner_id = 'ana'", final)
    with pytest.raises(CaseClosed, match=f"is {final}"):
        await book.set_state("lead", "triage")
    with pytest.raises(CaseClosed):
        await book.set_owner("lead", "ana", NOON, None)
    with pytest.raises(CaseClosed):
        await book.accepted("lead", NOON)
    await book.clear_owner("lead")
    lead = await case.lead("lead")
    assert (lead["state"], lead["owner_id"]) == (final, None)


async def test_saying_a_state_again_keeps_its_time(case: Casework, book: LeadBook) -> None:
    await book.set_state("lead", "triage")
    since = (await case.lead("lead"))["state_at"]
    await book.set_state("lead", "triage")
    assert (await case.lead("lead"))["state_at"] == since


async def test_an_unknown_lead_is_said(book: LeadBook) -> None:
    for call in (book.clear_owner("none"), book.set_state("none", "triage"), book.refused("none", breached=True)):
        with pytest.raises(PermanentError, match="no registered lead none"):
            await call
