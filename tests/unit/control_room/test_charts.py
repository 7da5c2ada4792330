"""Charts: figures become places that a reader can take back to figures."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.control_room.charts import Band, Chart, Line, chart

MONTHS = [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]


def scale(drawn: Chart) -> tuple[float, float]:
    """Figures at the bottom and at the top, from the labels."""
    sizes = {"k": 1e3, "m": 1e6, "b": 1e9}
    values = [float(re.sub(r"[a-z]+$", "", t.text)) * sizes.get(t.text.lstrip("-0123456789.")[:1], 1) for t in drawn.up]
    assert drawn.up[0].at == pytest.approx(100)
    assert drawn.up[-1].at == pytest.approx(0, abs=1e-6)
    return values[0], values[-1]


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+),([-\d.]+)", path)]


@given(st.lists(st.floats(-1e9, 1e9).filter(lambda one: one == 0 or abs(one) > 1e-3), min_size=2, max_size=24))
def test_a_line_is_where_its_figures_are(values: list[float]) -> None:
    months = MONTHS[: len(values)]
    drawn = chart(months, [Line("final", dict(zip(months, values, strict=True)))])
    ((_, path),) = drawn.lines
    found = places(path)
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    assert all(-0.01 <= y <= 100.01 and 0 < x < 100 for x, y in found)
    top, bottom = max(values), min(values)
    if top > bottom:
        spread = {value: y for value, (_, y) in zip(values, found, strict=True)}
        low, high = scale(drawn)
        # Labels have six digits, places two: a reader errs by less than one part in a hundred.
        for value, y in spread.items():
            assert high - y / 100 * (high - low) == pytest.approx(value, abs=0.01 * (high - low))


def test_gaps_part_lines_and_bands_and_a_lone_figure_is_a_point() -> None:
    values = {"2025-01": 5.0, "2025-02": 6.0, "2025-03": None, "2025-04": 7.0, "2025-06": 8.0, "2025-07": 9.0}
    low = {month: (value or 0) - 1 for month, value in values.items()}
    drawn = chart(MONTHS[:8], [Line("actual", values)], [Band("interval", low, values)], split="2025-06")
    assert [len(places(path)) for _, path in drawn.lines] == [2, 2]
    assert [(kind, round(x, 2)) for kind, x, _ in drawn.points] == [("actual", 43.75)]
    assert [len(places(path)) for _, path in drawn.bands] == [4, 2, 4]
    assert drawn.split == pytest.approx(62.5)
    assert chart(MONTHS[:2], [Line("final", {})]).lines == ()


def test_labels_are_round_and_few() -> None:
    drawn = chart(MONTHS, [Line("final", {month: 1e6 + 2e5 * number for number, month in enumerate(MONTHS)})])
    assert [one.text for one in drawn.up] == ["0", "2m", "4m", "6m"]
    assert [one.text for one in drawn.across] == ["2025", "2026"]
    near = chart(MONTHS[:6], [Line("final", {month: 1_000 + number for number, month in enumerate(MONTHS[:6])})])
    assert [one.text for one in near.up] == ["998", "1000", "1002", "1004", "1006"]
    assert [one.text for one in near.across] == ["2025-01", "2025-03", "2025-05"]
