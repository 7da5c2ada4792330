"""The sample sales organisation: 40 reps in 6 territories, their calendars and skills, and 400 known accounts.

Stated assumptions, so that leads are assigned at any hour at which a newcomer looks:

* 28 reps work for one territory, in its own office hours; in each team one works from Wednesday to Sunday.
* 12 reps are the follow-the-sun desk: hubs in Dublin, Toronto and Singapore, two on weekdays and two on weekends in
  each. Their shifts overlap, so that two are at work at every minute of the week, in summer and winter time. They
  serve all territories in all their languages (with interpreters) and have all skills.
* Capacities are about twenty times a person's, because a sample day has about twenty times a real day's leads.
* Public holidays are free for everybody; on 25 December and 1 January all hubs rest and leads wait in the queue.

Everything follows from the seed and, for absences, from the day.
"""

from __future__ import annotations

import datetime as dt
import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from workers.sample.chance import seeded
from workers.sample.geography import TERRITORIES, Territory
from workers.sample.words import ACCOUNT_FIRST, ACCOUNT_SECOND, COMPANY_TRADE, FIRST_NAMES, LAST_NAMES

ACCOUNTS = 400
SKILLS = ("analytics", "planning", "integration", "enterprise_sales")
"""Besides `core`, which every rep has."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
WEEKEND = ("sat", "sun")
MAIL_DOMAIN = "fairlead.example"
"""Reserved by RFC 2606: no mail to a sample rep can reach anybody."""
SAMPLE_ABSENCE = "Sample: "
"""What the reason of every sample absence starts with; absences that somebody adds by hand are left alone."""
TEAM_OPEN, TEAM_DAILY = 40, 200
DESK_OPEN, DESK_DAILY = 80, 1_500

Hours = dict[str, list[list[str]]]


@dataclass(frozen=True, slots=True)
class Rep:
    """A row of `routing.reps`."""

    id: str
    name: str
    email: str
    login: str
    territories: list[str]
    timezone: str
    holidays: str
    working_hours: Hours
    languages: list[str]
    skills: list[str]
    weight: float
    daily_capacity: int
    open_capacity: int


@dataclass(frozen=True, slots=True)
class Absence:
    """A row of `routing.absences`."""

    rep_id: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `crm.accounts`."""

    id: str
    name: str
    domain: str
    country: str
    industry: str
    employees: int
    annual_revenue_eur: int
    phone: str
    owner_id: str
    open_opportunities: int


@dataclass(frozen=True, slots=True)
class Manager:
    """Who leads a territory."""

    territory: Territory
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """All of the sample organisation."""

    managers: list[Manager]
    reps: list[Rep]
    absences: list[Absence]
    accounts: list[Account]


@dataclass(frozen=True, slots=True)
class _Hub:
    city: str
    timezone: str
    holidays: str
    shift: tuple[str, str]


HUBS = (
    # In UTC: winter 07:30 to 17:00, 15:30 to 01:00 and 23:30 to 09:00; summer 06:30 to 16:00, 14:30 to 00:00, as before.
    _Hub("Dublin", "Europe/Dublin", "IE", ("07:30", "17:00")),
    _Hub("Toronto", "America/Toronto", "CA", ("10:30", "20:00")),
    _Hub("Singapore", "Asia/Singapore", "SG", ("07:30", "17:00")),
)


def organisation(seed: int, today: dt.date) -> Organisation:
    """The organisation that follows from the seed; absences lie around `today`."""
    people = _People(seeded("people", seed))
    managers = [Manager(territory, *people.next("en")[:2]) for territory in TERRITORIES]
    reps = [rep for territory in TERRITORIES for rep in _team(territory, people, seeded(territory.id, seed))]
    reps += [rep for hub in HUBS for rep in _desk(hub, people)]
    return Organisation(managers, reps, _absences(reps, today, seeded("absences", seed)), accounts(seed, reps))


class _People:
    """Names that are given once each."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._logins: set[str] = set()

    def next(self, language: str) -> tuple[str, str, str]:
        """A new person: name, e-mail and log-in."""
        while True:
            first = self._chance.choice(FIRST_NAMES[language])
            last = self._chance.choice(LAST_NAMES[language])
            login = f"{slug(first)}.{slug(last)}"
            if login not in self._logins:
                self._logins.add(login)
                return f"{first} {last}", f"{login}@{MAIL_DOMAIN}", login


def slug(text: str) -> str:
    """Lower-case ASCII letters and digits only: ``Jörg Weiß`` becomes ``jorgweiss``."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("ø", "o").replace("æ", "ae"))
    return "".join(char for char in folded if char.isascii() and char.isalnum())


def _team(territory: Territory, people: _People, chance: random.Random) -> list[Rep]:
    reps = []
    for i in range(territory.team):
        country = territory.countries[i % len(territory.countries)]
        name, email, login = people.next(country.languages[0])
        days = ("wed", "thu", "fri", "sat", "sun") if i == territory.team - 1 else WEEKDAYS
        start = chance.choice(("08:00", "08:30", "09:00"))
        hours: Hours = {day: [[start, "12:30"], ["13:15", "17:30"]] for day in days}
        skills = ["core", SKILLS[i % len(SKILLS)], SKILLS[(i + 1) % len(SKILLS)]]
        weight = chance.choice((0.5, 1.0, 1.0, 1.0, 1.5))
        reps.append(
            Rep(
                id=f"rep-{territory.id.replace('_', '-')}-{i + 1}",
                name=name,
                email=email,
                login=login,
                territories=[territory.id],
                timezone=country.timezone,
                holidays=country.code,
                working_hours=hours,
                languages=sorted({"en", *country.languages, *_spoken(territory, chance)}),
                skills=skills,
                weight=weight,
                daily_capacity=round(TEAM_DAILY * weight),
                open_capacity=round(TEAM_OPEN * weight),
            )
        )
    return reps


def _spoken(territory: Territory, chance: random.Random) -> list[str]:
    """One more language of the territory, which most reps of a many-language territory have."""
    languages = sorted({language for country in territory.countries for language in country.languages})
    return [chance.choice(languages)] if chance.random() < 0.7 else []


def _desk(hub: _Hub, people: _People) -> list[Rep]:
    languages = sorted({language for t in TERRITORIES for c in t.countries for language in c.languages})
    reps = []
    for i in range(4):
        name, email, login = people.next("en")
        days = WEEKDAYS if i < 2 else WEEKEND
        reps.append(
            Rep(
                id=f"rep-desk-{hub.city.lower()}-{i + 1}",
                name=name,
                email=email,
                login=login,
                territories=[territory.id for territory in TERRITORIES],
                timezone=hub.timezone,
                holidays=hub.holidays,
                working_hours={day: [list(hub.shift)] for day in days},
                languages=languages,
                skills=["core", *SKILLS],
                weight=1.0,
                daily_capacity=DESK_DAILY,
                open_capacity=DESK_OPEN,
            )
        )
    return reps


def _absences(reps: Sequence[Rep], today: dt.date, chance: random.Random) -> list[Absence]:
    """About one in ten team reps is away at `today`, another tenth soon; the desk is always staffed."""
    absences = []
    team = [rep for rep in reps if not rep.id.startswith("rep-desk-")]
    monday = today - dt.timedelta(days=today.weekday())
    for position, rep in enumerate(chance.sample(team, 6)):
        start = monday if position < 3 else monday + dt.timedelta(days=7 * chance.randint(1, 6))
        begins = dt.datetime.combine(start, dt.time(), dt.UTC)
        reason = SAMPLE_ABSENCE + chance.choice(("holiday", "training", "parental leave"))
        absences.append(Absence(rep.id, begins, begins + dt.timedelta(days=chance.choice((5, 7, 12))), reason))
    return absences


def accounts(seed: int, reps: Sequence[Rep] | None = None) -> list[Account]:
    """The known accounts. Each is owned by a rep of the team of its country's territory."""
    if reps is None:
        reps = organisation(seed, dt.date(2026, 1, 1)).reps
    chance = seeded("accounts", seed)
    names = [f"{first} {second}" for first in ACCOUNT_FIRST for second in ACCOUNT_SECOND]
    chance.shuffle(names)
    places = [(territory, country) for territory in TERRITORIES for country in territory.countries]
    found = []
    for i, name in enumerate(names[:ACCOUNTS]):
        territory, country = chance.choices(places, [country.share for _, country in places])[0]
        employees = round(min(chance.lognormvariate(5.5, 1.4), 9_000)) + 5
        found.append(
            Account(
                id=f"account-{i + 1:03}",
                name=name,
                domain=f"{slug(name)}.example",
                country=country.code,
                industry=chance.choice(sorted(COMPANY_TRADE)),
                employees=employees,
                annual_revenue_eur=employees * chance.randint(90_000, 260_000),
                phone=f"+{country.dial}555{10_000_00 + i}",
                owner_id=chance.choice([rep.id for rep in reps if rep.territories == [territory.id]]),
                open_opportunities=chance.choices((0, 1, 2, 3), (70, 18, 8, 4))[0],
            )
        )
    return found
