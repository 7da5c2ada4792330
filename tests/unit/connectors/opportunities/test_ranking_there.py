"""Opportunities of a CRM: read as they are there, ranked there, and learnt from when they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from tests.unit.connectors.opportunities.pipelines import NOW, HubSpotPipeline, Pipeline, SalesforcePipeline, opened
from workers.connectors import targets
from workers.connectors.hubspot import client
from workers.follow_up import wiring as follow_up
from workers.follow_up.adapters.book import PostgresFollowUpBook
from workers.follow_up.domain.follow_up import Subject
from workers.office import systems
from workers.opportunity_prioritisation.winning.snapshots import read_snapshots
from workers.runtime.database import Pool
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work


@pytest.fixture(params=["salesforce", "hubspot"])
async def pipeline(request: pytest.FixtureRequest, pool: Pool) -> AsyncIterator[Pipeline]:
    async with opened(request.param, pool) as one:
        yield one


async def test_open_opportunities_are_read_with_their_customers(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    acme = pipeline.company("Acme", 50_000)
    large = pipeline.deal("ana", "last", 90_000, acme, silent=10)
    small = pipeline.deal("ana", "first", 10_000, acme)
    alone = pipeline.deal("ben", "first", 5_000)
    for others in (("zoe", "first"), ("ana", "unknown"), ("ana", "won")):
        pipeline.deal(*others, 1_000)
    told = await pipeline.collected("monday")
    assert told["collected"] == {"count": 3, "reps": 2}
    facts = await pipeline.facts("monday")
    assert facts.keys() == {large, small, alone}
    found = facts[large]["opportunity"]
    assert (facts[large]["customer"], facts[large]["customer_value"]) == ("Acme", 150_000)
    assert (found["owner_id"], found["stage"], found["amount"], found["source"], found["contacts"]) == (
        *("ana", "negotiate", 90_000, "Web"),
        1 if isinstance(pipeline, SalesforcePipeline) else found["contacts"],
    )
    assert found["last_contact_at"][:10] == f"{NOW - timedelta(days=10):%Y-%m-%d}"
    assert found["opened_at"][:10] == f"{NOW - timedelta(days=60):%Y-%m-%d}"
    assert (found["account_id"], found["decision_maker"], found["competitors"]) == (acme, False, 0)
    assert facts[small]["opportunity"]["last_contact_at"] is None
    assert (facts[alone]["customer"], facts[alone]["customer_value"]) == ("Planning", 5_000)


async def test_a_ranking_fills_what_changed_empties_what_is_on_no_list_any_more_and_is_taken_back(
    pipeline: Pipeline,
) -> None:
    one, two, three, gone = (pipeline.deal("ana", "last", amount) for amount in (9_000, 8_000, 7_000, 6_000))
    await pipeline.collected("monday")
    pipeline.delete(gone)
    await pipeline.ranked("monday", one, two, gone)
    assert pipeline.said(one) == (1, pytest.approx(1000.12, abs=0.01), "Call", "w" * 254 + "…")
    assert pipeline.said(two)[:3] == (2, pytest.approx(500.06, abs=0.01), "Call")
    assert pipeline.said(three) == (None,) * 4
    assert sorted(pipeline.writes) == sorted([one, two])
    monday = [pipeline.said(deal) for deal in (one, two, three)]

    await pipeline.collected("tuesday")
    pipeline.move(two, "lost")
    await pipeline.ranked("tuesday", one, three)
    assert [pipeline.said(deal)[0] for deal in (one, two, three)] == [1, None, 2]
    assert sorted(pipeline.writes) == sorted([one, two, two, three])  # the first one says what it said
    assert await pipeline.run("restore_ranking", prioritisation_id="tuesday") == {"ranking_restored": True}
    await pipeline.deliver()
    assert [pipeline.said(deal) for deal in (one, two, three)] == monday


async def test_contacts_from_a_list_are_told_and_read(pipeline: Pipeline) -> None:
    deal = pipeline.deal("ana", "last", 9_000, silent=30)
    await pipeline.sql(
        "INSERT INTO runtime.outbox (channel, business_id, external_id, payload) VALUES"
        " ('crm.ranking', 'x', 'x', jsonb_build_object('contacted', jsonb_build_array(%s::text), 'at', %s::text))",
        *(deal, NOW.isoformat()),
    )
    await pipeline.deliver()
    assert pipeline.contacted(deal) in {int(NOW.timestamp()), "2026-11-25T10:00:00Z"}
    if isinstance(pipeline, HubSpotPipeline):  # its clock is the real one
        await pipeline.collected("monday")
        assert (await pipeline.facts("monday"))[deal]["opportunity"]["last_contact_at"].startswith(
            "2026-11-25T10:00:00"
        )


async def test_a_contact_that_a_follow_up_records_is_told_too(pipeline: Pipeline) -> None:
    deal = pipeline.deal("ana", "last", 9_000)
    await pipeline.collected("monday")
    done = {"follow_up_id": "f", "state": "done", "subject_kind": "opportunity", "subject_id": deal, "rep_id": "ana",
            "kind": "call", "due_at": NOW.isoformat(), "result": "reached"}  # fmt: skip
    await follow_up.deliveries(pipeline.resources)["crm.activity"](OutboxRow(1, "crm.activity", "f", "f/done", done, 0))
    assert pipeline.contacted(deal)
    async with pipeline.resources.pool.connection() as connection:
        work = cast("Work", SimpleNamespace(connection=connection))
        book = PostgresFollowUpBook(work, systems.crm(pipeline.resources), sales_ops=[])
        assert await book.subject("opportunity", deal) == Subject("Planning", 9_000)


async def test_how_they_end_is_learnt_from_unless_they_are_opened_again(pipeline: Pipeline) -> None:
    won, lost, again = (pipeline.deal("ana", "last", 9_000) for _ in range(3))
    await pipeline.collected("monday")
    await pipeline.sql(
        "UPDATE selling.prioritisations SET state = 'done', collected_at = collected_at - interval '1 day'"
    )
    for deal, stage in ((won, "won"), (lost, "lost"), (again, "lost")):
        pipeline.move(deal, stage)
    await pipeline.collected("tuesday")
    await pipeline.sql("UPDATE selling.prioritisations SET state = 'done'")
    pipeline.move(again, "last")
    await pipeline.collected("wednesday")
    async with pipeline.resources.pool.connection() as connection:
        snapshots = await read_snapshots(connection)
    assert {(one.opportunity.id, one.won, one.opportunity.stage) for one in snapshots} == {
        (won, True, "negotiate"),
        (lost, False, "negotiate"),
    }
    [(took,)] = {(one.closed_at - one.opportunity.opened_at,) for one in snapshots}
    assert took == timedelta(days=60)


async def test_wins_are_read_whoever_owns_them_and_so_is_that_they_hold_no_more(pipeline: Pipeline) -> None:
    acme = pipeline.company("Acme", 50_000)
    deals = [pipeline.deal(owner, "last", 9_000, acme) for owner in ("ana", "zoe")]
    nobody, lost = pipeline.deal("ana", "last", 0), pipeline.deal("ana", "last", 1)
    for deal in (*deals, nobody):
        pipeline.move(deal, "won")
    pipeline.move(lost, "lost")
    wins = targets.wins(pipeline.resources)
    assert await wins.since(NOW + timedelta(days=400)) == []
    found = {one.id: one for one in await wins.since(NOW - timedelta(hours=1))}
    assert found.keys() >= {*deals, nobody}
    assert lost not in found
    assert {(one.name, one.account_id, one.amount) for one in (found[deal] for deal in deals)} == {
        ("Planning", acme, 9_000.0)
    }
    assert (found[nobody].account_id, found[nobody].amount) == (None, 0.0)
    assert found[nobody].closed_at.startswith("2026-11-25T10:00:00")
    assert await wins.withdrawn([]) == set()
    pipeline.move(deals[0], "last")
    pipeline.move(deals[1], "lost")
    pipeline.delete(nobody)
    assert await wins.withdrawn([*deals, nobody]) == set(deals)


async def test_a_record_that_is_refused_keeps_no_other_from_being_ranked(pool: Pool) -> None:
    async with opened("salesforce", pool) as pipeline:
        assert isinstance(pipeline, SalesforcePipeline)
        one, two = pipeline.deal("ana", "last", 9_000), pipeline.deal("ana", "last", 8_000)
        pipeline.simulated.org.guarded.add(one)
        await pipeline.collected("monday")
        await pipeline.ranked("monday", one, two)
        assert [pipeline.said(deal)[0] for deal in (one, two)] == [None, 2]
        await pipeline.run("restore_ranking", prioritisation_id="monday")
        await pipeline.deliver()
        assert pipeline.said(two) == (None,) * 4
