from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from psycopg.types.json import Jsonb

from workers.cli._scorer_support import lead_reader
from workers.lead_routing.scoring import store
from workers.lead_routing.scoring.card import make_card, render_markdown
from workers.lead_routing.scoring.errors import NoModelError
from workers.lead_routing.scoring.model import Scorer
from workers.lead_routing.scoring.schema import Schema
from workers.lead_routing.scoring.store import PostgresModelStore
from workers.lead_routing.scoring.table import Source, build_table
from workers.lead_routing.scoring.training import Trained
from workers.runtime.database import Pool

MakeLeads = Callable[..., list[dict[str, object]]]


async def test_a_model_goes_in_and_comes_out_the_same(pool: Pool, trained: Trained, schema: Schema) -> None:
    models = PostgresModelStore(pool)
    assert await models.load_active("sales_leads") is None
    assert await models.active_version("sales_leads") is None
    await models.save(trained.version, schema.name, trained.artifact, {"held_out": {"auc": 0.8}})
    assert await models.load_active("sales_leads") is None
    await models.activate(trained.version)
    active = await models.load_active("sales_leads")
    assert active is not None
    assert Scorer.from_bytes(active.artifact).version == trained.version == active.version
    assert await models.active_version("sales_leads") == trained.version
    assert await models.card(trained.version) == {"held_out": {"auc": 0.8}}


async def test_one_model_of_a_schema_is_active_however_many_are_activated_at_once(pool: Pool) -> None:
    models = PostgresModelStore(pool)
    versions = [f"sales_leads-{i}" for i in range(8)]
    for version in versions:
        await models.save(version, "sales_leads", b"x", {})
    await models.save("bank_marketing-1", "bank_marketing", b"y", {})
    await models.activate("bank_marketing-1")
    await asyncio.gather(*(models.activate(version) for version in versions))
    active = [info for info in await models.list() if info.active]
    assert sorted(info.schema_name for info in active) == ["bank_marketing", "sales_leads"]
    await models.save(versions[0], "sales_leads", b"x", {"again": True})
    assert len(await models.list()) == 9


async def test_unknown_versions_are_said(pool: Pool) -> None:
    models = PostgresModelStore(pool)
    with pytest.raises(NoModelError, match="no model 'nothing-1'"):
        await models.activate("nothing-1")
    with pytest.raises(NoModelError, match="scorer list"):
        await models.card("nothing-1")


async def test_recorded_outcomes_read_as_the_worker_reads_leads(pool: Pool, schema: Schema) -> None:
    async with pool.connection() as conn:
        await conn.execute(
            "INSERT INTO crm.accounts (id, name, employees, annual_revenue_eur) VALUES ('a-1', 'Acme', 70, 5e6)"
        )
        for number, (lead, converted) in enumerate(
            [
                ({"source": "referral", "email": "a@gmail.com", "attributes": {"page_views": 4}}, True),
                ({"source": "web_form", "employees": 9, "field_of_an_older_release": 1, "attributes": {}}, False),
                ({"source": "bank_marketing", "attributes": {"age": 30}}, True),
                ({"source": "partner", "attributes": {}}, None),
            ]
        ):
            await conn.execute(
                "INSERT INTO routing.leads (lead_id, source, raw, lead, converted, received_at, account_id)"
                " VALUES (%s, 's', '{}', %s, %s, %s, %s)",
                (
                    f"lead-{number}",
                    Jsonb(lead),
                    converted,
                    datetime(2026, 1, 9 - number, tzinfo=UTC),
                    None if number else "a-1",
                ),
            )
        rows = [row async for row in store.outcomes(conn, schema, lead_reader("sales_leads"))]
    assert [(row["lead_id"], row["converted"]) for row in rows] == [("lead-1", False), ("lead-0", True)]
    known = rows[1]
    assert (known["employees"], known["annual_revenue"], known["email_is_free"]) == (70, 5e6, True)
    assert rows[0]["employees"] == 9


def test_the_card_says_what_was_measured(trained: Trained, schema: Schema, make_leads: MakeLeads) -> None:
    table = build_table(make_leads(3000), schema)
    made = datetime(2026, 5, 1, tzinfo=UTC)
    card = make_card(trained, table, Source("leads.csv", "ab" * 32), seed=7, window=None, now=made)
    text = render_markdown(card)
    for expected in (
        trained.version,
        "2026-05-01T00:00:00+00:00, seed 7",
        "leads.csv, 3,000 rows, 2026-01-01T00:00:00+00:00 to",
        "ab" * 32,
        f"{trained.held_out.auc:.3f}",
        f"{trained.held_out.ece:.3f}",
        "lightgbm 4.",
        "`lead_id` (identifies a lead)",
        "Time on the pricing page",
        "PSI of a feature or of the score exceeds 0.2",
    ):
        assert expected in text, expected
