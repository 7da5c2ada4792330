"""Who would have got the leads: lead routing's own rules, on a floor whose load follows from what was given before.

Pure. Leads come in the order of time; each takes a place, and leaves it when its outcome became known in reality.
What people do is assumed, alike on both sides of a comparison:

* an owner takes the lead;
* whoever is asked decides at the moment of the reminder, half the time that the table gives, for the first suggestion;
  a lead that a person really discarded is discarded whenever a person is asked;
* nobody withdraws a lead.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Literal

from workers.lead_routing.domain.assignment import Candidate, Decision, Demand, NobodyEligible, Rep, decide
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.domain.routing import Routing, demand_of
from workers.lead_routing.domain.suggestions import look_again, next_chance, suggest
from workers.what_if.reading import Floor

MOST_WAITS = 3
"""As at the gateway `queue_exhausted` of bpmn/lead_routing.bpmn: then a manager decides."""
MOST_QUESTIONS = 3
"""So often a person is asked about one lead at most: a choice that nobody can take is not asked for ever."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A lead that the tables have decided."""

    lead_id: str
    at: datetime
    lead: Lead
    account: Account | None
    routing: Routing
    discarded: bool
    closed_at: datetime | None


@dataclass(slots=True)
class Placed:
    """What became of a lead."""

    owner: Rep | None = None
    assigned_at: datetime | None = None
    pool: str | None = None
    """The territory whose turn it was; None: another rule gave the lead its owner."""
    asked: int = 0
    """How often a person was asked."""
    waits: int = 0


def place(arrivals: Iterable[Arrival], floor: Floor) -> dict[str, Placed]:
    """What becomes of each lead, by its id."""
    return _Placing(floor).run(arrivals)


@dataclass(slots=True)
class _Placing:
    floor: Floor
    open: Counter[str] = field(default_factory=Counter)
    taken: Counter[tuple[str, date]] = field(default_factory=Counter)
    credits: dict[tuple[str, str], float] = field(default_factory=dict)
    reps: Mapping[str, Rep] = field(default_factory=dict)
    found: dict[str, Placed] = field(default_factory=dict)
    due: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    def run(self, arrivals: Iterable[Arrival]) -> dict[str, Placed]:
        self.reps = {rep.id: rep for rep in self.floor.reps}
        self.taken.update(self.floor.taken)
        self.credits.update(self.floor.credits)
        for rep_id, until in self.floor.open_until:
            self.open[rep_id] += 1
            if until is not None:
                self._later(until, partial(self._close, rep_id))
        for arrival in arrivals:
            self.found[arrival.lead_id] = Placed()
            first = (
                partial(self._assign, arrival, None) if arrival.routing.auto else partial(self._ask, arrival, "triage")
            )
            self._later(arrival.at, first)
        while self.due:
            moment, _, act = heapq.heappop(self.due)
            act(moment)
        return self.found

    def _later(self, moment: datetime, act: Callable[[datetime], None]) -> None:
        heapq.heappush(self.due, (moment, next(self.numbers), act))

    def _close(self, rep_id: str, _moment: datetime) -> None:
        self.open[rep_id] -= 1

    def _assign(
        self, arrival: Arrival, chosen: tuple[str, Literal["triage", "manager"]] | None, moment: datetime
    ) -> None:
        demand = _demand(arrival, chosen)
        try:
            decision = decide(self._concerned(demand, moment), demand, moment)
        except NobodyEligible:
            self._wait(arrival, chosen, demand, moment)
        else:
            self._book(arrival, decision, moment)

    def _book(self, arrival: Arrival, decision: Decision, moment: datetime) -> None:
        rep, placed = decision.rep, self.found[arrival.lead_id]
        placed.owner, placed.assigned_at, placed.pool = rep, moment, decision.pool
        self.open[rep.id] += 1
        self.taken[rep.id, rep.calendar.local_day(moment)] += 1
        if decision.pool is not None:
            self.credits.update({(decision.pool, rep_id): credit for rep_id, credit in decision.credits.items()})
        if arrival.closed_at is not None:
            self._later(max(arrival.closed_at, moment), partial(self._close, rep.id))

    def _wait(
        self,
        arrival: Arrival,
        chosen: tuple[str, Literal["triage", "manager"]] | None,
        demand: Demand,
        moment: datetime,
    ) -> None:
        placed = self.found[arrival.lead_id]
        placed.waits += 1
        if placed.waits > MOST_WAITS:
            self._ask(arrival, "manager", moment)
            return
        chance = next_chance(self._candidates(self.reps.values(), demand, moment), demand, moment)
        self._later(look_again(chance, moment), partial(self._assign, arrival, chosen))

    def _ask(self, arrival: Arrival, by: Literal["triage", "manager"], moment: datetime) -> None:
        placed = self.found[arrival.lead_id]
        placed.asked += 1
        if arrival.discarded or placed.asked > MOST_QUESTIONS:
            return
        routing = arrival.routing
        sla = routing.triage_sla if by == "triage" else routing.manager_sla
        office = self.floor.offices.get(routing.territory or "", self.floor.office)
        self._later(office.add_working_time(moment, timedelta(minutes=sla.remind)), partial(self._choose, arrival, by))

    def _choose(self, arrival: Arrival, by: Literal["triage", "manager"], moment: datetime) -> None:
        demand = _demand(arrival, None)
        suggested = suggest(self._candidates(self.reps.values(), demand, moment), demand, moment, by, limit=1)
        if suggested:
            self._assign(arrival, (suggested[0].value, by), moment)

    def _concerned(self, demand: Demand, moment: datetime) -> list[Candidate]:
        """Those whom the desk would look at: see `PostgresRepDesk.assign`."""
        named = demand.account_owner if demand.choice is None else demand.choice.rep_id
        pool = demand.territory if demand.choice is None else None
        reps = [rep for rep in self.reps.values() if rep.id == named or (pool is not None and pool in rep.territories)]
        return self._candidates(reps, demand, moment)

    def _candidates(self, reps: Iterable[Rep], demand: Demand, moment: datetime) -> list[Candidate]:
        pool = demand.territory or ""
        return [
            Candidate(
                rep,
                self.open[rep.id],
                self.taken[rep.id, rep.calendar.local_day(moment)],
                self.credits.get((pool, rep.id)),
            )
            for rep in reps
        ]


def _demand(arrival: Arrival, chosen: tuple[str, Literal["triage", "manager"]] | None) -> Demand:
    owner, by = chosen or (None, None)
    return demand_of(arrival.routing, arrival.lead, arrival.account, refused_by=(), chosen_owner=owner, chosen_by=by)
