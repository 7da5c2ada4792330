"""Trains the scorer of the sample organisation on its invented history, so that leads are scored from the start."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass

from workers.lead_routing.scoring.card import make_card
from workers.lead_routing.scoring.schema import load_schema
from workers.lead_routing.scoring.store import PostgresModelStore
from workers.lead_routing.scoring.table import Source, Table, build_table
from workers.lead_routing.scoring.training import Trained, train
from workers.runtime.database import Pool
from workers.sample.leads import history
from workers.sample.organisation import accounts

SCHEMA = "sales_leads"
ROWS = 6_000


@dataclass(frozen=True, slots=True)
class SampleScorer:
    """The active scorer after `prepare`."""

    version: str
    auc: float | None
    """On rows it had not seen; None: a model was active before and was left in place."""


async def prepare(pool: Pool, seed: int, *, until: dt.datetime | None = None, again: bool = False) -> SampleScorer:
    """Train and activate a model of schema `sales_leads` if none is active (or `again`).

    A model that somebody trained is never replaced unasked. Training takes a few seconds of one core.
    """
    store = PostgresModelStore(pool)
    active = await store.active_version(SCHEMA)
    if active is not None and not again:
        return SampleScorer(active, None)
    # Whole days, so that the same seed on the same day gives the same model.
    newest = until or dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    trained, table = await asyncio.to_thread(_train, seed, newest)
    source = Source(f"sample history, seed {seed}, {ROWS} invented leads until {newest:%Y-%m-%d}")
    await store.save(
        trained.version, SCHEMA, trained.artifact, make_card(trained, table, source, seed=seed, window=None)
    )
    await store.activate(trained.version)
    return SampleScorer(trained.version, trained.held_out.auc)


def _train(seed: int, until: dt.datetime) -> tuple[Trained, Table]:
    table = build_table(history(ROWS, seed, accounts(seed), until=until), load_schema(SCHEMA))
    return train(table, seed=seed), table
