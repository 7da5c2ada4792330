"""Whom a person may give a lead to, best first, each with what one must know to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from workers.lead_routing.domain.assignment import (
    CAPACITY,
    FIT,
    UNAVAILABLE,
    Candidate,
    Demand,
    Obstacle,
    blocking_choice,
    obstacles,
    spoken_language,
)

SHOWN = 8
"""How many are suggested: what one takes in at a glance."""
SOONEST = timedelta(minutes=1)
"""Somebody became free while we looked: again soon, but not in a circle."""
LATEST = timedelta(minutes=60)
"""Absences end and leads are closed at any time: look again at least this often."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of the form's list: `label` for the person, `value` is the rep's id."""

    label: str
    value: str


def suggest(
    candidates: Sequence[Candidate],
    demand: Demand,
    moment: datetime,
    by: Literal["triage", "manager"],
    *,
    limit: int = SHOWN,
) -> list[Suggestion]:
    """The `limit` best owners for a person to choose from.

    Those who may not be chosen (absent, left; in triage also who refused) are left out; in triage people without
    room come last, with that said: choosing one puts the lead into the queue. Order: may be chosen, account's owner,
    fit, at work, relative load, id.
    """
    language = spoken_language(candidates, demand)
    ranked = []
    for candidate in candidates:
        found = obstacles(candidate, demand, moment, language=language)
        blocking = blocking_choice(found, by)
        if set(blocking) - CAPACITY:
            continue
        rank = (
            len(blocking),
            candidate.rep.id != demand.account_owner,
            len(FIT & set(found)),
            len(CAPACITY & set(found)),
            len(UNAVAILABLE & set(found)),
            candidate.open_leads / max(candidate.rep.open_capacity, 1),
            candidate.rep.id,
        )
        ranked.append((rank, Suggestion(_label(candidate, demand, moment, found), candidate.rep.id)))
    return [suggestion for _, suggestion in sorted(ranked, key=lambda pair: pair[0])[:limit]]


def _label(candidate: Candidate, demand: Demand, moment: datetime, found: Sequence[Obstacle]) -> str:
    rep = candidate.rep
    parts = [
        rep.name,
        f"{candidate.open_leads} of {rep.open_capacity} open, {candidate.leads_today} of {rep.daily_capacity} today",
        f"speaks {','.join(sorted(rep.languages))}",
        _when(candidate, moment, found),
    ]
    if rep.id == demand.account_owner:
        parts.append("owns the account")
    told = UNAVAILABLE if demand.territory else UNAVAILABLE | {Obstacle.TERRITORY}  # without one it is everybody's
    parts += [obstacle.value for obstacle in found if obstacle not in told]
    return " · ".join(parts)


def _when(candidate: Candidate, moment: datetime, found: Sequence[Obstacle]) -> str:
    if not UNAVAILABLE & set(found):
        return "at work now"
    calendar = candidate.rep.calendar
    back = calendar.next_start(moment).astimezone(calendar.timezone)
    return f"back {back:%a %d %b %H:%M} ({calendar.timezone.key})"


def next_chance(candidates: Sequence[Candidate], demand: Demand, moment: datetime) -> datetime | None:
    """When next somebody suitable may be free: at work, and on another day where today's leads are used up.

    None: nobody whose time can be told, for instance when all are full of open leads. With a person's choice only
    the chosen one counts.
    """
    language = spoken_language(candidates, demand)
    soonest: list[datetime] = []
    for candidate in candidates:
        found = set(obstacles(candidate, demand, moment, language=language))
        named = demand.account_owner if demand.choice is None else demand.choice.rep_id
        if demand.choice is not None and candidate.rep.id != named:
            continue
        if candidate.rep.id == named:
            found -= FIT
        if found & {*FIT, Obstacle.INACTIVE, Obstacle.REFUSED, Obstacle.NO_WORKING_TIME, Obstacle.OPEN_CAPACITY}:
            continue
        after = moment
        if Obstacle.DAILY_CAPACITY in found:
            after = candidate.rep.calendar.next_midnight(moment)
        soonest.append(candidate.rep.calendar.next_start(after))
    return min(soonest, default=None)


def look_again(chance: datetime | None, moment: datetime) -> datetime:
    """When a lead that nobody could have at `moment` is tried again, by its `next_chance`."""
    return moment + LATEST if chance is None else min(max(chance, moment + SOONEST), moment + LATEST)
