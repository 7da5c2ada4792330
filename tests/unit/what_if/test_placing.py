"""Who would have got the leads: lead routing's rules over a load that follows from what was given before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workers.lead_routing.domain.assignment import Rep
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.domain.routing import AnswerTime, DecisionTime, Routing
from workers.office.calendar import office_calendar, work_calendar
from workers.what_if.figures import jain
from workers.what_if.placing import Arrival, place
from workers.what_if.reading import Floor

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""A working day without holiday in Germany, in office hours."""
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def rep(name: str, **fields: Any) -> Rep:
    given: dict[str, Any] = {
        "id": name,
        "name": name.title(),
        "email": f"{name}@fairlead.example",
        "login": name,
        "territories": frozenset({"dach"}),
        "languages": frozenset({"de", "en"}),
        "skills": frozenset({"core"}),
        "weight": 1.0,
        "daily_capacity": 50,
        "open_capacity": 50,
        "active": True,
        "calendar": work_calendar("UTC", ALWAYS, "DE"),
    }
    return Rep(**given | fields)


def floor(*reps: Rep, **fields: Any) -> Floor:
    given: dict[str, Any] = {"open_until": (), "taken": {}, "credits": {}, "offices": {}}
    return Floor(reps=reps, office=office_calendar("UTC", "DE"), **given | fields)


def routing(**fields: Any) -> Routing:
    given: dict[str, Any] = {
        "territory": "dach",
        "skills": ["core"],
        "accept_sla": AnswerTime(5, 10),
        "triage_sla": DecisionTime(15, 30, 60),
        "manager_sla": DecisionTime(60, 120, 240),
        "auto": True,
    }
    return Routing(**given | fields)


def arrival(number: int, *, minutes: float = 0, **fields: Any) -> Arrival:
    given: dict[str, Any] = {
        "lead": Lead(language="de"),
        "account": None,
        "routing": routing(),
        "discarded": False,
        "closed_at": None,
    }
    return Arrival(lead_id=f"lead-{number}", at=MONDAY + timedelta(minutes=minutes), **given | fields)


def owners(arrivals: list[Arrival], on: Floor) -> list[str | None]:
    found = place(arrivals, on)
    return [one.owner.id if (one := found[each.lead_id]).owner else None for each in arrivals]


def test_leads_go_round_by_weight() -> None:
    given = owners([arrival(n, minutes=n) for n in range(9)], floor(rep("ana", weight=2.0), rep("ben")))
    assert given.count("ana") == 6
    assert given.count("ben") == 3


def test_credits_of_before_decide_whose_turn_it_is() -> None:
    reps = rep("ana"), rep("ben")
    assert owners([arrival(1)], floor(*reps)) == ["ana"]
    assert owners([arrival(1)], floor(*reps, credits={("dach", "ana"): -1.0, ("dach", "ben"): 1.0})) == ["ben"]


def test_a_known_accounts_owner_gets_its_lead_out_of_turn() -> None:
    account = Account("a1", "Known", "ben", None, "domain", "")
    found = place([arrival(1, account=account), arrival(2, minutes=1)], floor(rep("ana"), rep("ben")))
    assert found["lead-1"].owner is not None
    assert (found["lead-1"].owner.id, found["lead-1"].pool) == ("ben", None)
    assert found["lead-2"].pool == "dach"


def test_a_place_is_free_again_when_its_lead_is_closed() -> None:
    full = floor(rep("ana", open_capacity=1), open_until=(("ana", MONDAY + timedelta(minutes=30)),))
    found = place([arrival(1)], full)["lead-1"]
    assert found.owner is not None
    assert found.waits == 1
    assert found.assigned_at == MONDAY + timedelta(hours=1), "nobody can tell when a lead will be closed: an hour"
    first = arrival(1), arrival(1, closed_at=MONDAY + timedelta(minutes=30))
    asked = [place([one, arrival(2, minutes=40)], floor(rep("ana", open_capacity=1)))["lead-2"].asked for one in first]
    assert asked == [1, 0], "only a manager gives a lead to somebody without room"


def test_the_daily_capacity_counts_what_was_taken_before() -> None:
    taken = {("ana", MONDAY.date()): 1}
    assert owners([arrival(1)], floor(rep("ana", daily_capacity=1), rep("ben"), taken=taken)) == ["ben"]


def test_who_is_asked_takes_half_the_time_in_office_hours_and_the_first_suggestion() -> None:
    friday = MONDAY + timedelta(days=4, hours=7, minutes=20)  # 17:20; the office closes at 17:30
    asked = arrival(1, routing=routing(auto=False))
    late = Arrival(**{name: getattr(asked, name) for name in Arrival.__dataclass_fields__} | {"at": friday})
    found = place([late], floor(rep("ana"), rep("ben")))["lead-1"]
    assert found.asked == 1
    assert found.owner is not None
    assert found.pool is None, "a person's choice moves no turn"
    assert found.assigned_at == friday + timedelta(days=2, hours=15, minutes=45), "Monday 9:05"


def test_what_a_person_discarded_is_discarded_only_if_a_person_is_asked() -> None:
    on = floor(rep("ana"))
    assert owners([arrival(1, discarded=True, routing=routing(auto=False))], on) == [None]
    assert owners([arrival(1, discarded=True)], on) == ["ana"]


def test_a_lead_that_waited_three_times_goes_to_a_manager() -> None:
    nobody = floor(rep("ana", skills=frozenset({"core"})))
    found = place([arrival(1, routing=routing(skills=["planning"]))], nobody)["lead-1"]
    assert (found.waits, found.asked) == (4, 1)
    assert found.owner is not None, "a manager may set the skill aside"
    assert found.owner.id == "ana"


def test_a_lead_that_nobody_may_have_ends_without_an_owner() -> None:
    found = place([arrival(1, routing=routing(territory="moon"))], floor())["lead-1"]
    assert found.owner is None


@pytest.mark.parametrize(("shares", "index"), [([1, 1, 1, 1], 1.0), ([4, 0, 0, 0], 0.25), ([], None), ([0, 0], None)])
def test_jains_index(shares: list[float], index: float | None) -> None:
    assert jain(shares) == index
