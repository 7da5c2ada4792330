"""The sample leads keep the assumptions that their module states."""

from __future__ import annotations

import datetime as dt
import itertools
import statistics
from collections import Counter
from collections.abc import Mapping

import pytest

from workers.gateway.contracts import LeadIn
from workers.lead_routing.scoring.schema import load_schema
from workers.lead_routing.scoring.table import build_table
from workers.sample.geography import TERRITORY_OF
from workers.sample.leads import (
    KINDS,
    SOURCES,
    LeadSource,
    SampleLead,
    conversion_probability,
    converts,
    history,
    poisson_arrivals,
)
from workers.sample.organisation import accounts

ACCOUNTS = accounts(1)
COUNT = 6_000


@pytest.fixture(scope="module")
def leads() -> list[SampleLead]:
    source = LeadSource(1, ACCOUNTS)
    return [source.lead(i) for i in range(COUNT)]


def test_same_seed_gives_same_leads_in_any_order(leads: list[SampleLead]) -> None:
    again = LeadSource(1, ACCOUNTS)
    assert [again.lead(i) for i in (5_999, 17, 4_242)] == [leads[i] for i in (5_999, 17, 4_242)]


def test_another_seed_gives_other_leads(leads: list[SampleLead]) -> None:
    other = LeadSource(2, ACCOUNTS)
    addresses = {other.lead(i).body["email"] for i in range(200)} - {None}
    assert not addresses & {lead.body["email"] for lead in leads[:200] if lead.kind == "new"}


def test_stated_shares_hold(leads: list[SampleLead]) -> None:
    assert sum(KINDS.values()) == pytest.approx(1)
    counts = Counter(lead.kind for lead in leads)
    for kind, share in KINDS.items():
        tolerance = 4 * (share * (1 - share) / COUNT) ** 0.5
        assert counts[kind] / COUNT == pytest.approx(share, abs=tolerance), kind
    sources = Counter(str(lead.body["source"]) for lead in leads)
    for source, share in SOURCES.items():
        assert sources[source] / COUNT == pytest.approx(share, abs=0.03), source


def test_gateway_takes_every_lead(leads: list[SampleLead]) -> None:
    for lead in leads:
        LeadIn.model_validate(lead.body)


def test_external_ids_are_unique(leads: list[SampleLead]) -> None:
    assert len({lead.body["external_id"] for lead in leads}) == COUNT


def test_duplicates_repeat_an_earlier_address_within_reach(leads: list[SampleLead]) -> None:
    seen: dict[str, int] = {}
    for lead in leads:
        address = str(lead.body["email"]).strip().lower()
        if lead.kind == "duplicate":
            assert address in seen
        seen.setdefault(address, lead.index)


def test_leads_that_are_not_meant_as_duplicates_hardly_ever_share_an_address(leads: list[SampleLead]) -> None:
    fresh = [str(lead.body["email"]) for lead in leads if lead.kind not in {"duplicate", "invalid"}]
    assert len(fresh) - len(set(fresh)) <= COUNT / 1000


def test_kinds_are_what_they_say(leads: list[SampleLead]) -> None:
    domains = {account.domain for account in ACCOUNTS}
    for lead in leads:
        body = lead.body
        match lead.kind:
            case "known_account":
                assert str(body["email"]).split("@")[1] in domains
            case "unmatched":
                assert body["country"] not in TERRITORY_OF
            case "strategic":
                assert isinstance(body["employees"], int)
                assert body["employees"] >= 12_000
            case "invalid":
                assert not body["name"] or body["email"] is None or "@" not in str(body["email"]).strip("@")
            case "new":
                assert body["country"] in TERRITORY_OF
            case "duplicate":
                assert body["email"]


def test_outcomes_follow_the_stated_probability(leads: list[SampleLead]) -> None:
    expected = statistics.mean(conversion_probability(lead.body) for lead in leads)
    observed = statistics.mean(converts(lead.body, 1) for lead in leads)
    assert 0.1 < expected < 0.2
    assert observed == pytest.approx(expected, abs=0.02)
    assert [converts(lead.body, 1) for lead in leads[:50]] == [converts(lead.body, 1) for lead in leads[:50]]


def test_conversion_rises_with_interest() -> None:
    calm: Mapping[str, object] = {"source": "web_form", "job_level": "manager", "attributes": {"page_views": 1}}
    keen = {**calm, "attributes": {"page_views": 20, "pricing_page_seconds": 300, "webinars": 2}}
    assert conversion_probability(keen) > 2 * conversion_probability(calm)
    assert conversion_probability({}) > 0


def test_history_fits_the_scorers_schema() -> None:
    until = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    rows = history(2_000, 1, ACCOUNTS, until=until)
    table = build_table(rows, load_schema("sales_leads"))
    assert len(table) == 2_000
    assert not table.refused
    for name, column in table.columns.items():
        known = (column >= 0) | (column != -1)
        assert known.mean() > 0.1, f"{name} is nearly always missing"
    assert rows == sorted(rows, key=lambda row: str(row["received_at"]))
    assert max(str(row["received_at"]) for row in rows) < until.isoformat()
    assert rows == history(2_000, 1, ACCOUNTS, until=until)


def test_arrivals_are_poisson() -> None:
    times = list(itertools.islice(poisson_arrivals(60, seed=3), 5_000))
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times == list(itertools.islice(poisson_arrivals(60, seed=3), 5_000))
    assert statistics.mean(gaps) == pytest.approx(1.0, rel=0.06)
    assert statistics.stdev(gaps) == pytest.approx(1.0, rel=0.08)  # exponential gaps: deviation = mean
