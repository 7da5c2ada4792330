"""The control room's benchmark, small: it fills, serves and asks for real; and what counts as missed."""

from __future__ import annotations

import pytest

from workers.bench.control_room import PAGES, PageTimes, Report, bench


def report(first: float, p95: float, *seen: float, usable: float | None = None) -> Report:
    return Report(1_000, 25_000, 1.0, (PageTimes("/control", first, p95, 20.0, usable),), seen)


def test_a_page_that_is_late_at_first_or_later_and_a_lead_seen_late_are_missed() -> None:
    assert report(0.3, 0.2, 1.0, 2.0).missed == []
    assert report(0.31, 0.2, 1.0).missed == ["/control: 310 ms"]
    assert report(0.1, 0.32, 1.0).missed == ["/control: 320 ms"]
    assert report(0.1, 0.1, *[1.0] * 18, 3.0, 3.0).missed == ["a lead is seen after 3.0 s"]
    assert report(0.1, 0.1, *[1.0] * 99, 60.0).missed == []
    assert report(0.1, 0.1, 1.0, usable=1.0).missed == []
    assert report(0.1, 0.1, 1.0, usable=1.2).missed == ["/control: usable after 1200 ms"]


@pytest.mark.slow
def test_it_fills_serves_and_asks() -> None:
    said: list[str] = []
    found = bench(1_000, rounds=1, asks=1, leads=2, say=said.append)
    assert (found.instances, found.elements) == (1_000, 25_000)
    assert [one.page for one in found.pages] == list(PAGES)
    assert all(0 < one.first < 60 and one.kilobytes > 1 for one in found.pages)
    assert len(found.seen) == 2
    assert len(said) == 3
