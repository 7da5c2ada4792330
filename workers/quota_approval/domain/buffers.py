"""Over-assignment: what the members of a unit carry beyond its quota, in whole cents."""

from __future__ import annotations

from fractions import Fraction


def share_of(amount: int, share: Fraction) -> int:
    """A non-negative share of a non-negative amount of cents, halves up; in whole numbers, so never off by a cent."""
    return (2 * amount * share.numerator + share.denominator) // (2 * share.denominator)


def with_buffer(amount: int, buffer: Fraction) -> int:
    """What the members of a unit carry in sum."""
    return amount + share_of(amount, buffer)
