"""The sample scorer learns what the generator put into the leads."""

from __future__ import annotations

import datetime as dt

from workers.lead_routing.scoring.model import Scorer
from workers.lead_routing.scoring.store import PostgresModelStore
from workers.runtime.database import Pool
from workers.sample.scorer import SCHEMA, prepare

UNTIL = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


async def test_it_learns_and_leaves_an_active_model_alone(pool: Pool) -> None:
    made = await prepare(pool, 1, until=UNTIL)
    assert made.auc is not None
    assert 0.68 < made.auc < 0.8  # the generator's own probability reaches about 0.75
    stored = await PostgresModelStore(pool).load_active(SCHEMA)
    assert stored is not None
    assert stored.version == made.version
    scorer = Scorer.from_bytes(stored.artifact)
    keen = {"source": "referral", "job_level": "director", "employees": 300,
            "attributes": {"page_views": 25, "pricing_page_seconds": 400, "webinars": 2, "days_since_last_touch": 1}}  # fmt: skip
    calm = {"source": "cold_list", "job_level": "student", "employees": 5, "attributes": {"days_since_last_touch": 60}}
    assert scorer.score(keen).score > 3 * scorer.score(calm).score
    again = await prepare(pool, 2, until=UNTIL)
    assert again.version == made.version
    assert again.auc is None
