"""Who gets a lead: who may have it, and why not, and whose turn it is.

The order is: a person's choice; the account's owner; else a weighted fair turn among the territory's people
(`fair_share`). Rules that are not obvious are argued in docs/adr/0005-assignment.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from workers.lead_routing.domain.fair_share import CATCH_UP_LEADS, Member, take_turn
from workers.office.calendar import CalendarError, Presence, WorkCalendar

FALLBACK_LANGUAGE = "en"
"""Spoken to those whose language nobody of the territory speaks (ISO 639-1)."""


class Obstacle(StrEnum):
    """Why somebody cannot have a lead; the value completes the sentence "Ana Ruiz …"."""

    INACTIVE = "is no longer active"
    REFUSED = "has already refused this lead"
    TERRITORY = "works another territory"
    SKILLS = "lacks a required skill"
    LANGUAGE = "does not speak the lead's language"
    ABSENT = "is absent"
    HOLIDAY = "has a public holiday"
    OUT_OF_HOURS = "is out of working hours"
    NO_WORKING_TIME = "has no working time in sight"
    DAILY_CAPACITY = "has reached the daily capacity"
    OPEN_CAPACITY = "has no room for another open lead"


CAPACITY = frozenset({Obstacle.DAILY_CAPACITY, Obstacle.OPEN_CAPACITY})
FIT = frozenset({Obstacle.TERRITORY, Obstacle.SKILLS, Obstacle.LANGUAGE})
UNAVAILABLE = frozenset({Obstacle.HOLIDAY, Obstacle.OUT_OF_HOURS})
_OVERRIDES: Mapping[str, frozenset[Obstacle]] = {
    # A lead that a person gives away waits for its owner's working time; fit is what the person was asked to judge.
    "triage": FIT | UNAVAILABLE,
    "manager": FIT | UNAVAILABLE | CAPACITY | {Obstacle.REFUSED},
}
"""What a person's choice may set aside. Nobody sets aside absence, or gives work to somebody who has left."""
_ACCOUNT_OVERRIDES = FIT  # the account's owner knows the customer
_PRESENCE = {
    Presence.ABSENT: Obstacle.ABSENT,
    Presence.PUBLIC_HOLIDAY: Obstacle.HOLIDAY,
    Presence.OUT_OF_HOURS: Obstacle.OUT_OF_HOURS,
}


@dataclass(frozen=True, slots=True)
class Rep:
    """A sales representative. Capacities are counts of leads; `weight` is a share in any unit, above 0."""

    id: str
    name: str
    email: str
    login: str
    territories: frozenset[str]
    languages: frozenset[str]
    skills: frozenset[str]
    weight: float
    daily_capacity: int
    open_capacity: int
    active: bool
    calendar: WorkCalendar


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rep with the load of now: open leads, leads of the rep's own day, and credit in the pool (None: none yet)."""

    rep: Rep
    open_leads: int = 0
    leads_today: int = 0
    credit: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A person's choice of an owner."""

    rep_id: str
    by: Literal["triage", "manager"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a lead needs of its owner. `language` is ISO 639-1, None: any; `territory` None: unknown."""

    territory: str | None = None
    skills: frozenset[str] = frozenset()
    language: str | None = None
    refused_by: frozenset[str] = frozenset()
    account_owner: str | None = None
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who gets the lead and why.

    Attributes:
        pool: the territory whose credits move; None: none do.
        credits: the pool's new credits, in leads; `changes` the differences, which an undo takes away again.
        share: the owner's part of the pool's weights, 0..1; None outside a pool.
        overrides: the obstacles that a person's choice set aside.
    """

    rep: Rep
    why: str
    rule: Literal["chosen", "account_owner", "fair_share"]
    pool: str | None = None
    credits: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[str, float] = field(default_factory=dict)
    share: float | None = None
    overrides: tuple[Obstacle, ...] = ()


class NobodyEligible(Exception):
    """Nobody may have the lead now; the message says why, without naming people."""


def obstacles(candidate: Candidate, demand: Demand, moment: datetime, *, language: str | None) -> list[Obstacle]:
    """Everything that keeps the candidate from having the lead at `moment`; none: eligible.

    Args:
        candidate: the rep and the load.
        demand: what the lead needs.
        moment: now, aware.
        language: what must be spoken, see `spoken_language`.
    """
    rep = candidate.rep
    checks = (
        (not rep.active, Obstacle.INACTIVE),
        (rep.id in demand.refused_by, Obstacle.REFUSED),
        (demand.territory not in rep.territories, Obstacle.TERRITORY),
        (not demand.skills <= rep.skills, Obstacle.SKILLS),
        (language is not None and language not in rep.languages, Obstacle.LANGUAGE),
        (candidate.leads_today >= rep.daily_capacity, Obstacle.DAILY_CAPACITY),
        (candidate.open_leads >= rep.open_capacity, Obstacle.OPEN_CAPACITY),
    )
    found = [obstacle for holds, obstacle in checks if holds]
    presence = rep.calendar.presence(moment)
    if presence is not Presence.AT_WORK:
        found.append(_PRESENCE[presence])
        try:
            rep.calendar.next_start(moment)
        except CalendarError:
            found.append(Obstacle.NO_WORKING_TIME)
    return found


def spoken_language(candidates: Collection[Candidate], demand: Demand) -> str | None:
    """The language an owner must speak: the lead's own; if nobody active who fits speaks it, `FALLBACK_LANGUAGE`;
    if nobody speaks that either, any (None). Being busy or out of hours does not count: then the lead waits.
    """
    wanted = _primary(demand.language)
    if wanted is None:
        return None
    fitting = [
        candidate.rep
        for candidate in candidates
        if candidate.rep.active
        and (demand.territory is None or demand.territory in candidate.rep.territories)
        and demand.skills <= candidate.rep.skills
    ]
    for language in (wanted, FALLBACK_LANGUAGE):
        if any(language in rep.languages for rep in fitting):
            return language
    return None


def decide(
    candidates: Sequence[Candidate], demand: Demand, moment: datetime, *, catch_up: float = CATCH_UP_LEADS
) -> Decision:
    """Decide who gets the lead.

    Args:
        candidates: all active people of the territory, and the account's owner and the chosen person if there are.
        demand: what the lead needs.
        moment: now, aware.
        catch_up: see `fair_share.take_turn`.

    Raises:
        NobodyEligible: nobody may have it now.
    """
    # A chosen person is judged by the lead's own language: the record must say what was set aside.
    language = spoken_language(candidates, demand) if demand.choice is None else _primary(demand.language)
    found = {c.rep.id: obstacles(c, demand, moment, language=language) for c in candidates}
    by_id = {candidate.rep.id: candidate.rep for candidate in candidates}
    if demand.choice is not None:
        return _chosen(by_id, found, demand.choice)
    passed_over = ""
    if demand.account_owner is not None:
        blocking = _account_obstacles(by_id, found, demand.account_owner)
        if not blocking:
            return Decision(by_id[demand.account_owner], "Owns the matching account.", "account_owner")
        passed_over = f" The account's owner {blocking}."
    if demand.territory is None:
        raise NobodyEligible(f"No territory was found for this lead.{passed_over}")
    pool = [c for c in candidates if c.rep.active and demand.territory in c.rep.territories]
    eligible = [c.rep.id for c in pool if not found[c.rep.id]]
    if not eligible:
        raise NobodyEligible(nobody_why(demand.territory, [found[c.rep.id] for c in pool]) + passed_over)
    return _fair(pool, eligible, found, demand.territory, passed_over, catch_up)


def nobody_why(territory: str, found: Sequence[Sequence[Obstacle]]) -> str:
    """One sentence on why nobody of the territory can have a lead; each person is counted once, by the first reason."""
    if not found:
        return f"Nobody works the territory {territory}."
    counts = Counter(each[0] for each in found)
    reasons = ", ".join(f"{obstacle.value} ({count})" for obstacle, count in counts.most_common())
    return f"None of the {len(found)} people of {territory} can take it now: {reasons}."


def blocking_choice(found: Collection[Obstacle], by: Literal["triage", "manager"]) -> list[Obstacle]:
    """The obstacles that this person's choice may not set aside."""
    return [obstacle for obstacle in found if obstacle not in _OVERRIDES[by]]


def _chosen(by_id: Mapping[str, Rep], found: Mapping[str, Sequence[Obstacle]], choice: Choice) -> Decision:
    if choice.rep_id not in by_id:
        raise NobodyEligible("The chosen owner is not in the sales organisation.")
    blocking = blocking_choice(found[choice.rep_id], choice.by)
    if blocking:
        raise NobodyEligible(f"The chosen owner {_join(blocking)}.")
    overrides = tuple(found[choice.rep_id])
    although = f", although the owner {_join(overrides)}" if overrides else ""
    return Decision(by_id[choice.rep_id], f"Chosen in {_PLACE[choice.by]}{although}.", "chosen", overrides=overrides)


_PLACE = {"triage": "triage", "manager": "the manager's decision"}


def _account_obstacles(by_id: Mapping[str, Rep], found: Mapping[str, Sequence[Obstacle]], owner: str) -> str:
    if owner not in by_id:
        return "is not in the sales organisation"
    return _join([obstacle for obstacle in found[owner] if obstacle not in _ACCOUNT_OVERRIDES])


def _fair(
    pool: Sequence[Candidate],
    eligible: Collection[str],
    found: Mapping[str, Sequence[Obstacle]],
    territory: str,
    passed_over: str,
    catch_up: float,
) -> Decision:
    members = [
        # Absence and holidays do not accrue; a busy colleague, or one whose day has not begun, keeps the claim.
        Member(c.rep.id, c.rep.weight, c.credit, not {Obstacle.ABSENT, Obstacle.HOLIDAY} & set(found[c.rep.id]))
        for c in pool
    ]
    turn = take_turn(members, eligible, catch_up=catch_up)
    rep = next(c.rep for c in pool if c.rep.id == turn.rep_id)
    share = rep.weight / sum(c.rep.weight for c in pool)
    why = (
        f"Next in turn of {len(eligible)} who could take it, of {len(pool)} in {territory}; "
        f"share {share:.0%}.{passed_over}"
    )
    return Decision(rep, why, "fair_share", territory, turn.credits, turn.changes, share)


def _primary(language: str | None) -> str | None:
    """The primary subtag of BCP 47: "pt" for "pt-BR"."""
    return language.split("-")[0].lower() if language else None


def _join(found: Collection[Obstacle]) -> str:
    return " and ".join(obstacle.value for obstacle in found)
