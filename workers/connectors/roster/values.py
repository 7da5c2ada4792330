"""What a personnel system says of people, and when none of it can be taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import cast

from workers.runtime.errors import PermanentError

Fact = str | bool | list[str] | list[float] | None
"""JSON, so that it can be kept and compared."""
Facts = Mapping[str, Fact]

LISTED = 10
"""So many faults are told one by one."""


class RosterRefused(PermanentError):
    """Nothing was taken over; the message says why, and what to do."""

    runbook = "people-refused"


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody whom the personnel system knows."""

    employee_id: str
    facts: Facts
    """What it says: ``name, email, login, manager, hired, last_day, territories, unit, languages, skills, timezone, country,
    place`` (latitude, longitude in degrees; hours a year) and ``sells``. A field that it says nothing of is not there."""

    def text(self, name: str) -> str:
        """A field of text; empty: it is not said."""
        found = self.facts.get(name)
        return found if isinstance(found, str) else ""

    def texts(self, name: str) -> list[str] | None:
        """A field of several texts; None: it is not said."""
        found = self.facts.get(name)
        return cast("list[str]", found) if isinstance(found, list) else None

    def day(self, name: str) -> date | None:
        """A field of a day; None: it is not said, or there is none."""
        text = self.text(name)
        return date.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class Absence:
    """From the first day away to the last."""

    employee_id: str
    first: date
    last: date | None
    """None: there is no end yet."""
    substitute_id: str | None


@dataclass(frozen=True, slots=True)
class NewReps:
    """What a new rep begins with, where the personnel system says nothing."""

    timezone: str
    """IANA name."""
    country: str
    """ISO 3166-1 alpha-2; its public holidays are free."""
    working_hours: Mapping[str, Sequence[Sequence[str]]]
    """See `workers.office.calendar.parse_hours`."""
    weight: float
    daily_capacity: int
    open_capacity: int


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody, as the system says now."""

    workers: Sequence[Worker]
    absences: Sequence[Absence] | None
    """None: it was not asked for them."""
    new_reps: NewReps
    unread: frozenset[str] = frozenset()
    """Ids of workers whose rows could not be read: they stay as they are."""
    notes: Sequence[str] = ()
    """What could not be read, in words without values."""
    faults: Sequence[str] = field(default=())
    """Why nothing can be taken."""


def sound(roster: Roster) -> None:
    """Look whether the people hold together.

    Raises:
        RosterRefused: they don't, so that nothing of it is taken.
    """
    faults = list(roster.faults)
    if not roster.workers and not faults:
        faults.append("it has no worker at all; who would be taken away by that is everybody")
    for email, number in Counter(one.text("email") for one in roster.workers).items():
        if number > 1 and email:
            several = ", ".join(sorted(one.employee_id for one in roster.workers if one.text("email") == email))
            faults.append(f"the workers {several} have the same e-mail address")
    faults += [f"{' → '.join(ring)} are managers of each other in a circle" for ring in _circles(roster.workers)]
    if faults:
        more = f"; and {len(faults) - LISTED} more" if len(faults) > LISTED else ""
        raise RosterRefused(
            f"Nothing was taken over, as the report on workers can't be right: {'; '.join(faults[:LISTED])}{more}. "
            "Correct it there, and import again."
        )


def _circles(workers: Sequence[Worker]) -> list[list[str]]:
    """Each circle of managers once, from its smallest id, back to it."""
    above = {one.employee_id: one.text("manager") for one in workers}
    found: list[list[str]] = []
    done: set[str] = set()
    for start in sorted(above):
        path: list[str] = []
        here = start
        while here in above and here not in done and here not in path:
            path.append(here)
            here = above[here]
        if here in path:
            ring = path[path.index(here) :]
            first = ring.index(min(ring))
            found.append([*ring[first:], *ring[:first], ring[first]])
        done |= set(path)
    return found
