from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.quota_approval.domain.buffers import share_of, with_buffer
from workers.quota_approval.planning.limits import least_above, most_above
from workers.quota_approval.planning.money import apportion, cents, show

plain = settings(deadline=None)
amounts = st.integers(0, 10**12)


@st.composite
def sums(draw: st.DrawFn) -> tuple[list[float], list[int], list[int], int, int]:
    count = draw(st.integers(1, 12))
    low = draw(st.lists(st.integers(0, 10**9), min_size=count, max_size=count))
    high = [a + draw(st.integers(0, 10**9)) for a in low]
    wanted = draw(st.lists(st.floats(0, 3e9), min_size=count, max_size=count))
    return (
        wanted,
        low,
        high,
        draw(st.integers(sum(low), sum(high))),
        draw(st.sampled_from([1, 7, 100, 10_000, 100_000])),
    )


@plain
@given(sums())
def test_parts_add_up_and_keep_their_bounds(case: tuple[list[float], list[int], list[int], int, int]) -> None:
    wanted, low, high, total, step = case
    parts = apportion(wanted, low, high, total, step)
    assert sum(parts) == total
    assert all(a <= part <= b for a, part, b in zip(low, parts, high, strict=True))
    assert parts == apportion(wanted, low, high, total, step)


@plain
@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=30), st.sampled_from([1, 100, 5_000]))
def test_without_bounds_it_is_hamiltons_method(units: list[int], step: int) -> None:
    total = sum(units)
    wanted = [float(one) for one in units]
    parts = apportion(wanted, [0] * len(units), [2**62] * len(units), total, step)
    # Quota rule: each part is its share rounded down or up; one of them carries the odd rest below a step.
    off = [part - one for part, one in zip(parts, units, strict=True)]
    assert sum(abs(one) >= step for one in off) <= 1
    assert max(map(abs, off)) < 2 * step
    assert sum(part % step != 0 for part in parts) <= 1
    largest = max(parts)
    assert all(part % step == 0 or part + step > largest for part in parts)


def test_the_largest_remainders_get_the_steps() -> None:
    assert apportion([333.4, 333.3, 333.3], [0] * 3, [1000] * 3, 1000) == [334, 333, 333]
    assert apportion([150.0, 140.0, 110.0], [0] * 3, [1000] * 3, 400, 100) == [200, 100, 100]
    assert apportion([500.0, 500.0], [0, 0], [450, 1000], 1000, 100) == [400, 600]
    assert apportion([5.0, 5.0], [0, 0], [3, 100], 50, 100) == [3, 47], "no multiple of 100 fits, so cents do"


def test_impossible_totals_are_refused() -> None:
    with pytest.raises(ValueError, match="11 is not between 0 and 10"):
        apportion([1.0], [0], [10], 11)


@plain
@given(amounts, st.fractions(0, 1, max_denominator=10_000))
def test_buffers_are_exact_and_can_be_turned_round(amount: int, buffer: Fraction) -> None:
    assert abs(share_of(amount, buffer) - amount * buffer) <= Fraction(1, 2)
    total = with_buffer(amount, buffer)
    assert least_above(total, buffer) <= amount <= most_above(total, buffer)
    assert with_buffer(least_above(total, buffer), buffer) >= total
    assert with_buffer(most_above(total, buffer), buffer) <= total
    least = least_above(total + 1, buffer)
    assert least == 0 or with_buffer(least - 1, buffer) <= total


def test_cents_and_text() -> None:
    assert [cents(Decimal(text)) for text in ("0.005", "1.004", "1234567.89", "0")] == [1, 100, 123_456_789, 0]
    assert [show(one) for one in (0, 5, 123_456_789, -250)] == ["0.00", "0.05", "1,234,567.89", "-2.50"]
