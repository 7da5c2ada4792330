"""Who may have a lead, and why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.lead_routing.assignment.sales_floor import ALWAYS, NOON, OFFICE
from workers.lead_routing.domain.assignment import (
    CAPACITY,
    Candidate,
    Choice,
    Demand,
    NobodyEligible,
    Obstacle,
    Rep,
    decide,
    spoken_language,
)
from workers.lead_routing.domain.suggestions import next_chance, suggest
from workers.office.calendar import work_calendar

DACH = Demand(territory="dach", language="de")


def candidate(rep_id: str, *, open_leads: int = 0, leads_today: int = 0, **facts: Any) -> Candidate:
    rep = Rep(
        id=rep_id,
        name=rep_id.title(),
        email=f"{rep_id}@example.com",
        login=rep_id,
        territories=frozenset({"dach"}),
        languages=frozenset({"de", "en"}),
        skills=frozenset(),
        weight=1.0,
        daily_capacity=8,
        open_capacity=20,
        active=True,
        calendar=work_calendar("UTC", ALWAYS, "DE"),
    )
    return Candidate(replace(rep, **facts), open_leads, leads_today, 0.0)


def away(rep_id: str) -> Candidate:
    calendar = work_calendar("UTC", ALWAYS, "DE").with_absences([(NOON - timedelta(1), NOON + timedelta(1))])
    return candidate(rep_id, calendar=calendar)


def asleep(rep_id: str) -> Candidate:
    return candidate(rep_id, calendar=work_calendar("Asia/Tokyo", OFFICE, "JP"))


UNFIT = [
    (candidate("x", active=False), Obstacle.INACTIVE),
    (candidate("x", territories=frozenset({"iberia"})), Obstacle.TERRITORY),
    (candidate("x", languages=frozenset({"fr"})), Obstacle.LANGUAGE),
    (candidate("x", open_leads=20), Obstacle.OPEN_CAPACITY),
    (candidate("x", leads_today=8), Obstacle.DAILY_CAPACITY),
    (away("x"), Obstacle.ABSENT),
    (asleep("x"), Obstacle.OUT_OF_HOURS),
    (candidate("x", calendar=work_calendar("UTC", {}, "DE")), Obstacle.OUT_OF_HOURS),
]


@pytest.mark.parametrize(("unfit", "why"), UNFIT)
def test_each_obstacle_keeps_the_lead_away(unfit: Candidate, why: Obstacle) -> None:
    fit = candidate("fit")
    for _ in range(5):
        assert decide([unfit, fit], DACH, NOON).rep.id == "fit"
    if why not in {Obstacle.INACTIVE, Obstacle.TERRITORY, Obstacle.LANGUAGE}:
        with pytest.raises(NobodyEligible, match=why.value):
            decide([unfit], DACH, NOON)


def test_all_required_skills_are_needed() -> None:
    demand = replace(DACH, skills=frozenset({"planning", "analytics"}))
    half = candidate("half", skills=frozenset({"planning"}))
    full = candidate("full", skills=frozenset({"planning", "analytics", "more"}))
    assert decide([half, full], demand, NOON).rep.id == "full"
    with pytest.raises(NobodyEligible, match="lacks a required skill"):
        decide([half], demand, NOON)


def test_who_refused_is_not_asked_again() -> None:
    demand = replace(DACH, refused_by=frozenset({"a"}))
    assert decide([candidate("a"), candidate("b")], demand, NOON).rep.id == "b"


def test_language_falls_back_to_english_then_to_any_but_not_because_people_are_busy() -> None:
    german, english = candidate("g", languages=frozenset({"de"})), candidate("e", languages=frozenset({"en"}))
    french = candidate("f", languages=frozenset({"fr"}))
    assert spoken_language([german, english], replace(DACH, language="de-CH")) == "de"
    assert spoken_language([german, english, french], replace(DACH, language="pl")) == "en"
    assert spoken_language([german, french], replace(DACH, language="pl")) is None
    assert spoken_language([german], replace(DACH, language=None)) is None
    with pytest.raises(NobodyEligible, match="does not speak"):
        decide([replace(german, open_leads=20), english], DACH, NOON)


def test_account_owner_goes_first_whatever_the_territory() -> None:
    owner = candidate("owner", territories=frozenset({"iberia"}), languages=frozenset({"es"}))
    decision = decide([candidate("a"), owner], replace(DACH, account_owner="owner"), NOON)
    assert (decision.rep.id, decision.rule, decision.pool, decision.changes) == ("owner", "account_owner", None, {})


@pytest.mark.parametrize("owner", [away("owner"), asleep("owner"), candidate("owner", open_leads=20)])
def test_account_owner_who_cannot_is_passed_over_and_that_is_said(owner: Candidate) -> None:
    decision = decide([candidate("a"), owner], replace(DACH, account_owner="owner"), NOON)
    assert decision.rep.id == "a"
    assert "The account's owner" in decision.why


def test_account_owner_may_be_unknown_to_us() -> None:
    decision = decide([candidate("a")], replace(DACH, account_owner="gone"), NOON)
    assert "not in the sales organisation" in decision.why


def test_without_a_territory_only_the_account_owner_can() -> None:
    with pytest.raises(NobodyEligible, match="No territory"):
        decide([], Demand(), NOON)
    assert decide([candidate("o")], Demand(account_owner="o"), NOON).rep.id == "o"


def test_nobody_says_what_keeps_each() -> None:
    with pytest.raises(NobodyEligible) as caught:
        decide([away("a"), away("b"), asleep("c")], DACH, NOON)
    assert str(caught.value) == (
        "None of the 3 people of dach can take it now: is absent (2), is out of working hours (1)."
    )
    with pytest.raises(NobodyEligible, match="Nobody works the territory dach"):
        decide([], DACH, NOON)


full, refused = candidate("x", open_leads=20), replace(DACH, refused_by=frozenset({"x"}))


@pytest.mark.parametrize(
    ("chosen", "demand", "triage", "manager"),
    [
        (candidate("x"), DACH, True, True),
        (asleep("x"), DACH, True, True),
        (candidate("x", territories=frozenset()), DACH, True, True),
        (full, DACH, False, True),
        (candidate("x", leads_today=8), DACH, False, True),
        (candidate("x"), refused, False, True),
        (away("x"), DACH, False, False),
        (candidate("x", active=False), DACH, False, False),
        (candidate("x", calendar=work_calendar("UTC", {}, "DE")), DACH, False, False),
    ],
)
def test_what_a_person_may_set_aside(chosen: Candidate, demand: Demand, triage: bool, manager: bool) -> None:
    for by, allowed in (("triage", triage), ("manager", manager)):
        wanted = replace(demand, choice=Choice("x", by))  # type: ignore[arg-type]  # the two literals, in a loop
        if allowed:
            assert decide([chosen], wanted, NOON).rep.id == "x"
        else:
            with pytest.raises(NobodyEligible, match="The chosen owner"):
                decide([chosen], wanted, NOON)
        suggested = suggest([chosen], demand, NOON, by)  # type: ignore[arg-type]  # likewise
        assert allowed <= bool(suggested), "whoever may be chosen is offered"


def test_override_is_recorded() -> None:
    foreign = candidate("x", open_leads=20, languages=frozenset({"fr"}))
    decision = decide([foreign], replace(DACH, choice=Choice("x", "manager")), NOON)
    assert set(decision.overrides) == {Obstacle.OPEN_CAPACITY, Obstacle.LANGUAGE}
    assert "although" in decision.why


def test_chosen_person_must_exist() -> None:
    with pytest.raises(NobodyEligible, match="not in the sales organisation"):
        decide([], replace(DACH, choice=Choice("nobody", "triage")), NOON)


def test_suggestions_read_well() -> None:
    people = [asleep("ana"), candidate("ben", open_leads=3, leads_today=1), away("cy"), replace(full, leads_today=2)]
    assert [s.label for s in suggest(people, replace(DACH, account_owner="ben"), NOON, "triage")] == [
        "Ben · 3 of 20 open, 1 of 8 today · speaks de,en · at work now · owns the account",
        "Ana · 0 of 20 open, 0 of 8 today · speaks de,en · back Thu 19 Nov 09:00 (Asia/Tokyo)",
        "X · 20 of 20 open, 2 of 8 today · speaks de,en · at work now · has no room for another open lead",
    ]
    assert len(suggest([candidate(f"r{n}") for n in range(20)], DACH, NOON, "manager")) == 8


def test_next_chance_is_when_somebody_suitable_is_back() -> None:
    tokyo = datetime(2026, 11, 19, 0, 0, tzinfo=UTC)
    stranger = candidate("s", territories=frozenset({"iberia"}))
    assert next_chance([asleep("a"), stranger, full], DACH, NOON) == tokyo
    assert next_chance([full, stranger], DACH, NOON) is None
    assert next_chance([candidate("d", leads_today=8)], DACH, NOON) == datetime(2026, 11, 19, 0, 0, tzinfo=UTC)
    assert next_chance([candidate("a"), asleep("b")], replace(DACH, choice=Choice("b", "triage")), NOON) == tokyo
    assert next_chance([candidate("a", calendar=work_calendar("UTC", {}, "DE"))], DACH, NOON) is None


@st.composite
def floors(draw: st.DrawFn) -> tuple[list[Candidate], Demand, datetime]:
    moment = NOON + timedelta(hours=draw(st.integers(0, 24 * 14)))
    names = [f"r{number}" for number in range(draw(st.integers(1, 6)))]
    people = []
    for name in names:
        calendar = work_calendar(
            draw(st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"])),
            draw(st.sampled_from([OFFICE, ALWAYS])),
            "US",
        )
        if draw(st.booleans()):
            start = moment + timedelta(hours=draw(st.integers(-48, 48)))
            calendar = calendar.with_absences([(start, start + timedelta(hours=draw(st.integers(1, 72))))])
        people.append(
            candidate(
                name,
                open_leads=draw(st.integers(15, 21)),
                leads_today=draw(st.integers(5, 9)),
                active=draw(st.booleans()),
                territories=draw(st.sets(st.sampled_from(["dach", "iberia"])).map(frozenset)),
                languages=draw(st.sets(st.sampled_from(["de", "en", "es"]), min_size=1).map(frozenset)),
                calendar=calendar,
            )
        )
    picks = st.none() | st.sampled_from(names)
    chosen = draw(picks)
    demand = Demand(
        territory=draw(st.sampled_from([None, "dach", "iberia"])),
        language=draw(st.sampled_from([None, "de", "pl"])),
        refused_by=frozenset(draw(st.sets(st.sampled_from(names)))),
        account_owner=draw(picks),
        choice=Choice(chosen, draw(st.sampled_from(["triage", "manager"]))) if chosen else None,
    )
    return people, demand, moment


@settings(deadline=None)
@given(floors())
def test_nobody_absent_or_gone_gets_work_and_only_a_manager_exceeds_capacity(
    floor: tuple[list[Candidate], Demand, datetime],
) -> None:
    people, demand, moment = floor
    try:
        decision = decide(people, demand, moment)
    except NobodyEligible:
        return  # whether that was right is held by the tests above
    rep = decision.rep
    load = next(each for each in people if each.rep.id == rep.id)
    assert rep.active
    assert not any(start <= moment < end for start, end in rep.calendar.absences)
    if demand.choice is None:
        assert rep.calendar.is_at_work(moment)
        assert rep.id not in demand.refused_by
    if load.open_leads >= rep.open_capacity or load.leads_today >= rep.daily_capacity:
        assert demand.choice is not None
        assert demand.choice.by == "manager"
        assert CAPACITY & set(decision.overrides)
    if decision.rule == "fair_share":
        assert demand.territory in rep.territories
        assert decision.pool == demand.territory
