"""Money as whole cents, and sums divided so that the parts add up to them exactly."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

CENTS = 100


def cents(amount: Decimal) -> int:
    """Whole cents, halves away from zero."""
    return int((amount * CENTS).quantize(Decimal(1), ROUND_HALF_UP))


def show(amount: int) -> str:
    """Cents as ``1,234,567.89``."""
    sign, (whole, rest) = "-" if amount < 0 else "", divmod(abs(amount), CENTS)
    return f"{sign}{whole:,}.{rest:02}"


def apportion(wanted: Sequence[float], low: Sequence[int], high: Sequence[int], total: int, step: int = 1) -> list[int]:
    """Parts near to what is wanted that add up to `total`: largest remainder (Hamilton's method) within bounds.

    Parts are multiples of `step` where their bounds hold one; what is left of the total then, less than a step if
    bounds allow it, goes to the largest part with room.

    Args:
        wanted: cents for each part.
        low: least cents for each part.
        high: most cents for each part.
        total: cents; the bounds must allow it.
        step: cents.

    Raises:
        ValueError: if the bounds do not allow the total.
    """
    if not sum(low) <= total <= sum(high):
        raise ValueError(f"{total} is not between {sum(low)} and {sum(high)}")
    floor = [-(-one // step) * step for one in low]
    ceiling = [one // step * step for one in high]
    for i, (least, most) in enumerate(zip(floor, ceiling, strict=True)):
        if least > most:
            floor[i] = ceiling[i] = min(max(round(wanted[i]), low[i]), high[i])
    parts = [min(max(int(w // step) * step, a), b) for w, a, b in zip(wanted, floor, ceiling, strict=True)]
    missing = total - sum(parts)
    _deal(parts, wanted, ceiling if missing > 0 else floor, missing, step)
    # Then cents: the largest part bears an odd rest most easily.
    missing = total - sum(parts)
    for i in sorted(range(len(parts)), key=lambda i: (-parts[i], i)):
        change = min(missing, high[i] - parts[i]) if missing > 0 else max(missing, low[i] - parts[i])
        parts[i] += change
        missing -= change
    return parts


def _deal(parts: list[int], wanted: Sequence[float], ends: Sequence[int], missing: int, step: int) -> None:
    """Give whole steps to those furthest below what they wanted, or take them from those furthest above."""
    sign = 1 if missing > 0 else -1
    steps = abs(missing) // step
    room = [abs(end - part) // step for end, part in zip(ends, parts, strict=True)]
    # In bulk while there are more steps than parts: what was wanted is then far from the total anyway.
    while (takers := [i for i, one in enumerate(room) if one]) and steps > len(takers):
        each = steps // len(takers)
        for i in takers:
            given = min(room[i], each)
            parts[i] += sign * given * step
            room[i] -= given
            steps -= given
    heap = [(-sign * (wanted[i] - parts[i]), i) for i in takers]
    heapq.heapify(heap)
    while steps and heap:
        _, i = heapq.heappop(heap)
        parts[i] += sign * step
        steps, room[i] = steps - 1, room[i] - 1
        if room[i]:
            heapq.heappush(heap, (-sign * (wanted[i] - parts[i]), i))
