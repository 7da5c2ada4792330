"""Who works on what today: the expected value of acting now, within what a rep has time for.

    expected value = chance to win * amount * (1 - 2 ** (-d / h))

d is the number of days since the last contact and h the half-life of attention that the table `next_action` gives. The
last factor is the share of a contact's effect that has decayed, which is what a contact today restores: nothing just
after a contact, half after one half-life, all of it in the end. Opportunities are taken by expected value a minute, as in
the greedy rule for knapsacks (Dantzig 1957), until a rep's minutes are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

from workers.opportunity_prioritisation.domain.opportunity import Advice, Open, WorkingOrder, cell_of

FEW = 10
"""Fewer closed opportunities than this tell nothing about cycle times."""
_TIERS = (0.8, 0.5)
_TIER_WORDS = {1: "one of the most valuable customers", 2: "a valuable customer", 3: ""}


@dataclass(frozen=True, slots=True)
class Scored:
    """An opportunity with its chance."""

    open: Open
    chance: float
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Where an opportunity stands on its rep's list."""

    opportunity_id: str
    rep_id: str
    place: int | None
    """From 1; None: not today."""
    chance: float
    expected_value: float
    """EUR."""
    minutes: float
    action: str
    why: str
    """Markdown list."""


def attention_lost(silent_days: float, half_life: float) -> float:
    """The share of the last contact's effect that has decayed, 0 to 1."""
    return 1 - 2 ** (-silent_days / half_life)


def ranked(
    scored: Iterable[Scored],
    advice: Mapping[str, Advice],
    working_order: WorkingOrder,
    minutes: Mapping[str, float],
    at: datetime,
) -> list[Ranked]:
    """All opportunities, those on a rep's list with their place.

    Args:
        scored: the open opportunities.
        advice: what the table says, by cell.
        working_order: by value a minute alone, or the most valuable customers first.
        minutes: what each rep has today; reps who are not named have none.
        at: now.
    """
    scored = list(scored)
    tiers = _tiers({one.open.customer: one.open.customer_value for one in scored})
    found = [_valued(one, advice[cell_of(one.open, at).cell], tiers[one.open.customer], at) for one in scored]
    by_customer = working_order.order == "customer_value"
    found.sort(key=lambda pair: (pair[1] if by_customer else 0, -_a_minute(pair[0]), pair[0].opportunity_id))
    left, places = dict(minutes), dict.fromkeys(minutes, 0)
    placed = []
    for one, _ in found:
        fits = 0 < one.minutes <= left.get(one.rep_id, 0.0)
        if fits:
            left[one.rep_id] -= one.minutes
            places[one.rep_id] += 1
        placed.append(replace(one, place=places[one.rep_id] if fits else None))
    return placed


def cycle_ratio(days: Iterable[tuple[float, float]]) -> float | None:
    """Whether cycle times rise: from pairs of (days since it was closed, days it took), see `WorkFacts.cycle_ratio`."""
    pairs = list(days)
    recent = [took for ago, took in pairs if ago < 30]
    former = [took for ago, took in pairs if 30 <= ago < 120]
    if min(len(recent), len(former)) < FEW or median(former) <= 0:
        return None
    return median(recent) / median(former)


def _valued(one: Scored, advice: Advice, tier: int, at: datetime) -> tuple[Ranked, int]:
    found = one.open.opportunity
    silent = found.silent_days(at)
    value = one.chance * found.amount * attention_lost(silent, advice.half_life) if advice.minutes else 0.0
    since = f"last contact {silent:.0f} days ago" if found.last_contact_at else f"no contact in {silent:.0f} days"
    lines = [f"{one.chance:.0%} to win {found.amount:,.0f} EUR, {since}", *one.reasons, _TIER_WORDS[tier]]
    return (
        Ranked(
            opportunity_id=found.id,
            rep_id=found.owner_id,
            place=None,
            chance=one.chance,
            expected_value=value,
            minutes=advice.minutes,
            action=advice.action,
            why="\n".join(f"- {line}" for line in lines if line),
        ),
        tier,
    )


def _a_minute(one: Ranked) -> float:
    return one.expected_value / one.minutes if one.minutes else 0.0


def _tiers(values: Mapping[str, float]) -> dict[str, int]:
    """1: the most valuable fifth of the customers; 2: the rest of the upper half; 3: the others."""
    order = sorted(values, key=lambda name: (-values[name], name))
    first, second = (round(len(order) * (1 - share)) for share in _TIERS)
    return {name: 1 if place < max(first, 1) else 2 if place < second else 3 for place, name in enumerate(order)}
