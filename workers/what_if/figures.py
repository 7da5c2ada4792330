"""What one side of a replay comes to, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

from workers.lead_routing.domain.assignment import Rep
from workers.lead_routing.domain.routing import Routing
from workers.office.calendar import CalendarError, WorkCalendar
from workers.what_if.answer import Figures, RepLoad
from workers.what_if.placing import Placed
from workers.what_if.reading import PastLead
from workers.what_if.tables import Decided


@dataclass(frozen=True, slots=True)
class Told:
    """A lead, what the tables said, and what became of it."""

    lead: PastLead
    decided: Decided
    placed: Placed


def figures(told: Sequence[Told], reps: Sequence[Rep], minutes_in_use: Mapping[str, float]) -> Figures:
    """One side's figures.

    Args:
        told: its leads.
        reps: the sales organisation.
        minutes_in_use: by lead id, the working minutes that the table in use gives to an owner; the yardstick of
            "in time" on both sides, so that a rule that only allows more time gains nothing.
    """
    routed = [(one, one.decided.routing) for one in told if one.decided.routing is not None]
    owned = [one for one in told if one.placed.owner is not None]
    spans = sorted(
        (one.placed.assigned_at - one.lead.received_at).total_seconds() / 60
        for one in owned
        if one.placed.assigned_at is not None
    )
    kept, in_time, expected = _answers(routed, minutes_in_use)
    loads = _loads(owned, reps)
    return Figures(
        segments=_sorted(routing.segment or "none" for _, routing in routed),
        territories=_sorted(routing.territory or "none" for _, routing in routed),
        answer_minutes={
            f"{minutes:g}": number for minutes, number in sorted(Counter(r.accept_sla.due for _, r in routed).items())
        },
        decided=len(routed),
        assigned=len(owned),
        without_people=_share(bool(one.placed.owner) and not one.placed.asked for one, _ in routed),
        waited=sum(one.placed.waits > 0 for one in told),
        nobody=len(routed) - len(owned),
        minutes_p50=_percentile(spans, 50),
        minutes_p95=_percentile(spans, 95),
        answers=len(kept),
        sla_kept=_share(kept),
        in_time=_share(in_time),
        expected_conversions=expected,
        fairness=jain([load.by_turn / load.fair for load in loads if load.fair > 0]),
        reps=loads,
    )


def jain(shares: Sequence[float]) -> float | None:
    """Jain's index of fairness, 1/n to 1, of what each got per what each should (Jain, Chiu, Hawe, DEC-TR-301, 1984)."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else None


def _answers(
    routed: Iterable[tuple[Told, Routing]], minutes_in_use: Mapping[str, float]
) -> tuple[list[bool], list[bool], float]:
    """Whether each answer keeps its own time, and comes in time; and the sum of the scores of those in time.

    An owner is assumed to answer as long after the assignment as the real one did.
    """
    kept: list[bool] = []
    in_time: list[bool] = []
    expected = 0.0
    for one, routing in routed:
        owner, assigned_at, seconds = one.placed.owner, one.placed.assigned_at, one.lead.answer_seconds
        yardstick = minutes_in_use.get(one.lead.lead_id)
        if owner is None or assigned_at is None or seconds is None or yardstick is None:
            continue
        answered = assigned_at + timedelta(seconds=seconds)
        kept.append(_within(owner.calendar, assigned_at, routing.accept_sla.due, answered))
        in_time.append(_within(owner.calendar, one.lead.received_at, yardstick, answered))
        expected += one.decided.score.value if in_time[-1] else 0.0
    return kept, in_time, expected


def _within(calendar: WorkCalendar, since: datetime, minutes: float, moment: datetime) -> bool:
    try:
        return moment <= calendar.add_working_time(since, timedelta(minutes=minutes))
    except CalendarError:  # nobody is late who never works
        return True


def _loads(owned: Iterable[Told], reps: Sequence[Rep]) -> list[RepLoad]:
    leads: Counter[str] = Counter()
    by_turn: Counter[str] = Counter()
    pools: Counter[str] = Counter()
    for one in owned:
        assert one.placed.owner is not None
        leads[one.placed.owner.id] += 1
        if one.placed.pool is not None:
            by_turn[one.placed.owner.id] += 1
            pools[one.placed.pool] += 1
    weights = {pool: sum(rep.weight for rep in reps if pool in rep.territories) for pool in pools}
    return [
        RepLoad(
            id=rep.id,
            name=rep.name,
            leads=leads[rep.id],
            by_turn=by_turn[rep.id],
            fair=sum(pools[pool] * rep.weight / weights[pool] for pool in pools if pool in rep.territories),
        )
        for rep in reps
    ]


def _sorted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _share(given: Iterable[bool]) -> float | None:
    found = list(given)
    return sum(found) / len(found) if found else None


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    if len(ordered) < 2:
        return ordered[0] if ordered else None
    return quantiles(ordered, n=100, method="inclusive")[percent - 1]
