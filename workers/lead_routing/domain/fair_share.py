"""Weighted fair share of leads among the members of a pool, by deficits.

The scheme is that of the deficit counter (Shreedhar & Varghese, Efficient Fair Queuing using Deficit Round Robin,
SIGCOMM 1995), one lead being one packet, with the order of nginx's smooth weighted round robin: with each lead the
members are credited one lead in all, by weight; the one with the greatest credit gets the lead and pays one.
Who is skipped keeps the credit and so catches up. See docs/adr/0005-assignment.md for the bound and its reasons.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

CATCH_UP_LEADS = 5.0
"""How far a member's credit may rise above the mean of those present: what one can have to catch up, in leads."""
_SAME = 1e-9  # credits closer than this are equal: they differ by rounding only


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a pool.

    Attributes:
        weight: the share wanted, in any unit; above 0.
        credit: what the member is owed, in leads; None: new in the pool, starts at the mean of those present.
        accrues: whether leads given out now are shared with this member (not while absent).
    """

    rep_id: str
    weight: float
    credit: float | None
    accrues: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is and what that changes.

    Attributes:
        credits: the new credit of each member that changed or is new, in leads.
        changes: the differences to before, in leads; taking them away again undoes the turn. They add up to 0
            whenever somebody had room to accrue.
    """

    rep_id: str
    credits: Mapping[str, float]
    changes: Mapping[str, float]


def take_turn(members: Sequence[Member], eligible: Collection[str], *, catch_up: float = CATCH_UP_LEADS) -> Turn:
    """Give one lead to the member of `eligible` that is owed most.

    Ties go to the greater weight, then to the id that sorts first.

    Raises:
        ValueError: nobody is eligible.
    """
    candidates = [member for member in members if member.rep_id in eligible]
    if not candidates:
        raise ValueError("No member of the pool is eligible.")
    mean = _mean(members)
    before = {member.rep_id: mean if member.credit is None else member.credit for member in members}
    changes = _accrue(members, before, ceiling=mean + catch_up)
    credit = {rep_id: before[rep_id] + changes.get(rep_id, 0.0) for rep_id in before}
    best = max(credit[member.rep_id] for member in candidates)
    first = min(
        (member for member in candidates if credit[member.rep_id] >= best - _SAME),
        key=lambda member: (-member.weight, member.rep_id),
    )
    changes[first.rep_id] = changes.get(first.rep_id, 0.0) - 1.0
    new = {member.rep_id for member in members if member.credit is None}
    return Turn(
        rep_id=first.rep_id,
        credits={rep_id: before[rep_id] + changes.get(rep_id, 0.0) for rep_id in changes.keys() | new},
        changes=changes,
    )


def _mean(members: Sequence[Member]) -> float:
    """Mean credit of those who accrue: who is away for long must not move the others' ceiling."""
    present = [member.credit for member in members if member.credit is not None and member.accrues]
    return sum(present) / len(present) if present else 0.0


def _accrue(members: Sequence[Member], before: Mapping[str, float], ceiling: float) -> dict[str, float]:
    """Share one lead by weight among those who accrue; what goes over one's ceiling goes to the others, by weight."""
    changes: dict[str, float] = {}
    left = 1.0
    sharing = [member for member in members if member.accrues and before[member.rep_id] < ceiling]
    while sharing:
        total = sum(member.weight for member in sharing)
        # Those whose room is smaller than their part are filled up first; the rest is shared again.
        full = [m for m in sharing if ceiling - before[m.rep_id] <= left * m.weight / total]
        if not full:
            return changes | {m.rep_id: left * m.weight / total for m in sharing}
        for member in full:
            changes[member.rep_id] = ceiling - before[member.rep_id]
            left -= changes[member.rep_id]
        sharing = [member for member in sharing if member not in full]
    return changes
