"""The benchmark's arithmetic, on passages whose answers are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.bench.figures import (
    Passage,
    backlog,
    figures,
    growth,
    next_rate,
    percentile,
    schedule,
    spread,
)

START = 1_000_000.0


def steady(rate: float, seconds: float, latency: float) -> list[Passage]:
    return [
        Passage(at := START + offset, at + 0.01, at + 0.01 + latency, at + 0.01 + latency)
        for offset in schedule(rate, seconds)
    ]


def test_percentiles_interpolate_as_postgresql_does() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.95) == pytest.approx(3.85)
    assert percentile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 0.5)
    assert spread([]) is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_a_percentile_lies_between_the_extremes(values: list[float], share: float) -> None:
    assert min(values) <= percentile(sorted(values), share) <= max(values)


def test_the_schedule_is_even() -> None:
    assert schedule(4, 1.5) == [0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_a_steady_run_is_held() -> None:
    found = figures(steady(10, 60, latency=0.2), start=START, rate=10, seconds=60, until=START + 200)
    assert (found.sent, found.received, found.assigned, found.settled) == (600, 600, 600, 600)
    assert found.from_received is not None
    assert found.from_received.p99 == pytest.approx(0.2)
    assert found.from_schedule is not None
    assert found.from_schedule.p50 == pytest.approx(0.21)
    assert found.settled_per_second == pytest.approx(10, rel=0.01)
    assert abs(found.backlog_growth) < 0.1
    assert found.held
    assert found.meets_target


def test_a_system_that_does_half_is_not_held_and_says_how_fast_it_falls_behind() -> None:
    """Ten a second come in, five a second are settled, one after the other."""
    passages = [Passage(START + i / 10, START + i / 10, START + (i + 1) / 5, START + (i + 1) / 5) for i in range(600)]
    found = figures(passages, start=START, rate=10, seconds=60, until=START + 200)
    assert found.backlog_growth == pytest.approx(5, rel=0.02)
    assert found.backlog_at_end == pytest.approx(300, abs=2)
    assert found.settled_per_second == pytest.approx(5, rel=0.02)
    assert not found.held
    assert not found.meets_target


def test_a_level_backlog_is_held_however_high() -> None:
    """A first second that everything waits for is settling, not growth."""
    found = figures(steady(10, 60, latency=5.0), start=START, rate=10, seconds=60, until=START + 200)
    assert found.held
    assert found.backlog_at_end == pytest.approx(50, abs=2)
    assert not found.meets_target


def test_leads_still_on_their_way_count_with_the_time_they_waited() -> None:
    passages = [*steady(1, 9, latency=0.1), Passage(START + 9, START + 9)]
    found = figures(passages, start=START, rate=1, seconds=10, until=START + 29)
    assert found.assigned == 9
    assert found.from_received is not None
    assert found.from_received.count == 10
    assert found.from_received.longest == pytest.approx(20)


def test_leads_that_were_not_taken_or_wait_for_people() -> None:
    passages = steady(1, 9, latency=0.1)
    passages.append(Passage(START + 9.0))  # refused by the gateway
    passages[0] = Passage(START, START, None, START + 0.5)  # waits in triage: settled, never in the latencies
    found = figures(passages, start=START, rate=1, seconds=10, until=START + 20)
    assert (found.sent, found.received, found.assigned, found.settled) == (10, 9, 8, 9)
    assert found.from_received is not None
    assert found.from_received.count == 8
    assert not found.held
    assert backlog(passages, START + 10) == 1
    assert growth(passages, START, 10) >= 0


@pytest.mark.parametrize("limit", [0.9, 3.0, 17.0, 23.0, 40.0, 155.0])
def test_the_search_finds_the_limit_to_within_its_precision(limit: float) -> None:
    held: list[float] = []
    failed: list[float] = []
    while (rate := next_rate(held, failed, first=10)) is not None:
        (held if rate <= limit else failed).append(rate)
        assert len(held) + len(failed) < 20
    assert max(held) <= limit < min(failed)
    assert min(failed) / max(held) <= 1.16


def test_the_search_gives_up_on_a_system_that_holds_nothing() -> None:
    failed: list[float] = []
    while (rate := next_rate([], failed, first=10)) is not None:
        failed.append(rate)
    assert min(failed) == pytest.approx(0.3125)
