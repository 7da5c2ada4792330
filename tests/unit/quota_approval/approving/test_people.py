"""Who decides about a quota: by stage and unit, stood in for when away, never about what is theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workers.quota_approval.domain.cases import Level, after_rejection, strictest
from workers.quota_approval.domain.people import Person, Stage, above, deciders

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
PATH = ("a1", "A", "all")


def person(
    login: str, role: str, node: str | None = None, *, away: bool = False, substitute: str | None = None
) -> Person:
    start = NOW - timedelta(days=1) if away else None
    return Person(login, login.title(), f"{login}@example.com", role, node, substitute, start, None)


TEAM = [
    person("mona", "manager", "A"),
    person("max", "manager", "B"),
    person("dora", "director"),
    person("ana", "rep", "a1"),
]


def logins(people: list[Person], stage: Stage, *, never: tuple[str, ...] = (), given_to: str | None = None) -> set[str]:
    return {one.login for one in deciders(people, stage, PATH, never=never, at=NOW, given_to=given_to)}


def test_a_manager_decides_for_the_unit_they_lead_and_a_director_for_all() -> None:
    assert logins(TEAM, "manager") == {"mona"}
    assert logins(TEAM, "director") == {"dora"}
    assert logins(TEAM, "finance") == set()


def test_nobody_decides_about_their_own_quota_or_their_own_change() -> None:
    own = [*TEAM, person("rita", "manager", "a1")]
    assert logins(own, "manager") == {"mona"}
    assert logins(TEAM, "manager", never=("mona",)) == set()
    assert logins(TEAM, "manager", given_to="ana") == set()
    assert logins(TEAM, "director", never=("dora",), given_to="dora") == set()


def test_who_is_away_is_stood_in_for_and_so_is_who_stands_in() -> None:
    team = [
        person("mona", "manager", "A", away=True, substitute="maya"),
        person("maya", "manager", "B", away=True, substitute="milo"),
        person("milo", "manager", "B"),
    ]
    assert logins(team, "manager") == {"milo"}
    assert logins(team, "manager", never=("milo",)) == set()


def test_people_who_stand_in_for_each_other_in_a_circle_leave_nobody() -> None:
    team = [
        person("mona", "manager", "A", away=True, substitute="maya"),
        person("maya", "manager", "B", away=True, substitute="mona"),
    ]
    assert logins(team, "manager") == set()
    assert logins([person("mona", "manager", "A", away=True)], "manager") == set()


def test_an_absence_ends() -> None:
    back = Person("mona", "Mona", "m@example.com", "manager", "A", "maya", NOW - timedelta(days=9), NOW)
    assert logins([back], "manager") == {"mona"}


def test_stages_follow_each_other_and_end_with_finance() -> None:
    assert [above(stage) for stage in ("ops", "manager", "director", "finance")] == [
        "manager", "director", "finance", "finance",
    ]  # fmt: skip
    assert [after_rejection(stage) for stage in ("finance", "director", "manager", "ops")] == [
        "director", "manager", "ops", "ops",
    ]  # fmt: skip


@pytest.mark.parametrize(("level", "wanted"), [("none", "none"), ("director", "director"), (None, "finance")])
def test_where_no_rule_fits_the_strictest_level_counts(level: Level | None, wanted: str) -> None:
    found, why = strictest(level, "because")
    assert found == wanted
    assert ("No rule of the table fits" in why) == (level is None)
