"""The arithmetic of the simulated round of approvals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workers.bench.approvals import Element, steps

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def _element(name: str, began: float, lasted: float | None) -> Element:
    start = NOON + timedelta(seconds=began)
    end = None if lasted is None else start + timedelta(seconds=lasted)
    return Element(name, "USER_TASK", "ACTIVE" if end is None else "COMPLETED", start, end)


def test_steps_come_in_the_order_in_which_they_were_reached_and_open_ones_do_not_count() -> None:
    found = steps(
        [
            _element("b", 5, 1.0),
            _element("a", 1, 2.0),
            _element("b", 3, 3.0),
            _element("b", 4, None),
            _element("c", 9, None),
        ]
    )
    assert [(one.element, one.times.count, one.times.p50, one.times.longest) for one in found] == [
        ("a", 1, 2.0, 2.0),
        ("b", 2, 2.0, 3.0),
    ]
