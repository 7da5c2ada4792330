"""Data for the scorer's tests: the real bank leads, and made-up sales leads with a known rule."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workers.lead_routing.scoring.schema import Schema, load_schema
from workers.lead_routing.scoring.table import Table, build_table, read_rows, read_table
from workers.lead_routing.scoring.training import Recipe, Trained, train

_BANK = Path(__file__).parents[4] / ".." / "shared" / "data" / "bank_marketing_leads.csv.gz"

Lead = dict[str, object]
MakeLeads = Callable[..., list[Lead]]


@pytest.fixture(scope="session")
def bank_file() -> Path:
    if not _BANK.is_file():
        pytest.skip("../shared/data/bank_marketing_leads.csv.gz is missing")
    return _BANK


@pytest.fixture(scope="session")
def bank_schema() -> Schema:
    return load_schema("bank_marketing")


@pytest.fixture(scope="session")
def bank(bank_file: Path, bank_schema: Schema) -> Table:
    return read_table(bank_file, bank_schema)[0]


@pytest.fixture(scope="session")
def bank_rows(bank_file: Path, bank_schema: Schema) -> list[Mapping[str, object]]:
    return list(read_rows(bank_file, bank_schema)[0])


@pytest.fixture(scope="session")
def schema() -> Schema:
    return load_schema("sales_leads")


@pytest.fixture(scope="session")
def make_leads() -> MakeLeads:
    return _make_leads


@pytest.fixture(scope="session")
def quick() -> Recipe:
    """Enough to learn the made-up rule, in a second."""
    return Recipe(rounds=40, members=2)


@pytest.fixture(scope="session")
def trained(schema: Schema, quick: Recipe) -> Trained:
    return train(build_table(_make_leads(3000), schema), seed=7, recipe=quick)


def _make_leads(
    number: int, *, seed: int = 1, start: int = 0, rate: float = -2.0, sources: tuple[str, ...] | None = None
) -> list[Lead]:
    """Leads an hour apart whose log-odds of converting are: rate, + 2 for a referral, + pricing seconds / 100."""
    rng = random.Random(seed)
    leads: list[Lead] = []
    for i in range(start, start + number):
        source = rng.choice(sources or ("web_form", "trade_show", "referral", "partner", "content", "cold_list"))
        seconds = rng.expovariate(1 / 60)
        odds = rate + (2.0 if source == "referral" else 0.0) + seconds / 100
        leads.append(
            {
                "lead_id": f"lead-{i:08x}",
                "email": f"person{i}@example.com",
                "received_at": (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i)).isoformat(),
                "source": source,
                "channel": rng.choice(("web", "email", "phone")),
                "country": rng.choice(("DE", "FR", "US")),
                "language": rng.choice(("de", "fr", "en")),
                "industry": rng.choice(("software", "retail", "finance")),
                "product": rng.choice(("core", "analytics")),
                "company": {
                    "employees": rng.randint(1, 5000),
                    "annual_revenue_eur": rng.choice((None, rng.uniform(1e5, 1e8))),
                },
                "job_level": rng.choice(("manager", "staff")),
                "attributes": {
                    "page_views": rng.randint(0, 30),
                    "pricing_page_seconds": seconds,
                    "webinars": rng.randint(0, 3),
                    "days_since_last_touch": rng.uniform(0, 60),
                },
                "email_is_free": rng.random() < 0.3,
                "converted": rng.random() < 1 / (1 + math.exp(-odds)),
            }
        )
    return leads
