"""Invented opportunities of the sample organisation, closed ones with snapshots of their lives and open ones.

Stated assumptions, so that there is something to learn and nobody takes it for the world:

* About four in ten are won. The log-odds rise with a talk to who decides, frequent contacts and a good source, and fall
  with competitors, the amount and luck that nobody sees (a standard normal, which bounds what any model can know).
* An opportunity takes 20 to 250 days, large ones longer; those that are lost go silent before they are closed.
* A snapshot is taken about every three weeks.

Everything follows from the seed and the day.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from workers.sample.chance import seeded
from workers.sample.organisation import Account

HISTORY_DAYS = 540
CLOSED, OPEN = 1_500, 420
STAGES = ("qualify", "discover", "propose", "negotiate")
SOURCES = {"referral": 0.7, "partner": 0.3, "web_form": 0.0, "trade_show": -0.2, "cold_call": -0.6}
PRODUCTS = ("Planning", "Analytics", "Integration", "Core")
ORGANISATION = "sample_sales"


@dataclass(frozen=True, slots=True)
class Moment:
    """An opportunity at a moment; a row of `crm.opportunity_snapshots`."""

    opportunity_id: str
    taken_at: dt.datetime
    stage: str
    stage_since: dt.datetime
    amount_eur: float
    last_contact_at: dt.datetime | None
    contacts: int
    decision_maker: bool
    competitors: int


@dataclass(frozen=True, slots=True)
class Deal:
    """A row of `crm.opportunities` with its snapshots."""

    now: Moment
    name: str
    account_id: str
    owner_id: str
    source: str
    product: str
    opened_at: dt.datetime
    closed_at: dt.datetime | None
    won: bool | None
    snapshots: list[Moment]


def opportunities(seed: int, accounts: Sequence[Account], today: dt.date) -> list[Deal]:
    """The opportunities that follow from the seed, as they are on a day."""
    chance = seeded("opportunities", seed)
    now = dt.datetime.combine(today, dt.time(), dt.UTC)
    deals = []
    for number in range(CLOSED + OPEN):
        life = _Life(number, chance.choice(accounts), chance)
        if number < CLOSED:
            deals.append(life.closed(now - dt.timedelta(days=chance.uniform(0, HISTORY_DAYS)), chance))
        else:
            deals.append(life.open(now, chance))
    return deals


class _Life:
    """One opportunity from its opening to its end."""

    def __init__(self, number: int, account: Account, chance: random.Random) -> None:
        self.id = f"opp-{number + 1:05}"
        self.account = account
        self.source = chance.choice(sorted(SOURCES))
        self.product = chance.choice(PRODUCTS)
        self.amount = round(min(max(account.employees * chance.lognormvariate(4.2, 0.7), 2_000), 900_000), -2)
        self.days = min(max(20 + 12 * math.log(self.amount / 2_000) + chance.gauss(0, 15), 20), 250)
        self.every = chance.uniform(4, 16)
        """Days between contacts."""
        self.decides_from = chance.uniform(0.15, 0.8) if chance.random() < 0.55 else 2.0
        """Share of its life at which who decides was spoken to; beyond 1: never."""
        self.competitors = min(int(chance.expovariate(1.1)), 4)
        odds = (
            -0.9 + SOURCES[self.source] + (1.1 if self.decides_from < 1 else -0.4) - 0.45 * self.competitors
            - 0.35 * math.log(self.amount / 30_000) + 0.09 * (9 - self.every) + chance.gauss(0, 1)
        )  # fmt: skip
        self.won = chance.random() < 1 / (1 + math.exp(-odds))
        self.reach = 4.0 if self.won else chance.uniform(0.6, 4.0)
        """Stages that it gets through in its life."""
        self.silent_from = 2.0 if self.won else chance.uniform(0.45, 0.9)
        """Share of its life from which nobody answers."""

    def at(self, moment: dt.datetime, opened_at: dt.datetime) -> Moment:
        """How it is at a moment of its life."""
        day = (moment - opened_at).total_seconds() / 86_400
        share = min(day / self.days, 1.0)
        stage = min(int(share * self.reach), 3)
        since = opened_at + dt.timedelta(days=stage / self.reach * self.days)
        contacts = int(min(day, self.silent_from * self.days) / self.every)
        return Moment(
            opportunity_id=self.id,
            taken_at=moment,
            stage=STAGES[stage],
            stage_since=since,
            amount_eur=self.amount,
            last_contact_at=opened_at + dt.timedelta(days=contacts * self.every) if contacts else None,
            contacts=contacts,
            decision_maker=share >= self.decides_from,
            competitors=self.competitors,
        )

    def closed(self, closed_at: dt.datetime, chance: random.Random) -> Deal:
        """It ended at a moment."""
        opened_at = closed_at - dt.timedelta(days=self.days)
        return self._deal(opened_at, closed_at, closed_at, chance)

    def open(self, now: dt.datetime, chance: random.Random) -> Deal:
        """It is somewhere in its life."""
        opened_at = now - dt.timedelta(days=self.days * chance.uniform(0.02, 0.98))
        return self._deal(opened_at, None, now, chance)

    def _deal(
        self, opened_at: dt.datetime, closed_at: dt.datetime | None, now: dt.datetime, chance: random.Random
    ) -> Deal:
        moments, at = [], opened_at + dt.timedelta(days=chance.uniform(3, 15))
        while at < now:
            moments.append(self.at(at, opened_at))
            at += dt.timedelta(days=chance.uniform(14, 28))
        return Deal(
            now=self.at(now, opened_at),
            name=f"{self.product} for {self.account.name}",
            account_id=self.account.id,
            owner_id=self.account.owner_id,
            source=self.source,
            product=self.product,
            opened_at=opened_at,
            closed_at=closed_at,
            won=None if closed_at is None else self.won,
            snapshots=moments,
        )
