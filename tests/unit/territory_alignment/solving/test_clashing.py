from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.territory_alignment.solving.helpers import QUICK, account, organisation, rep
from workers.territory_alignment.solving.aligning import align
from workers.territory_alignment.solving.clashing import Clash, Rule, find_clashes
from workers.territory_alignment.solving.errors import ClashError
from workers.territory_alignment.solving.organisation import Organisation, Rules, Weights


def only(clashes: list[Clash]) -> Clash:
    assert len(clashes) == 1, clashes
    return clashes[0]


def test_nobody_has_the_skill() -> None:
    made = organisation(
        [account("a1", industry="health"), account("a2", industry="health"), account("a3")],
        [rep("r1"), rep("r2", skills=frozenset({"tenders"}))],
        Rules(industry_skills={"health": frozenset({"health"})}),
    )
    found = only(find_clashes(made))
    assert found.rules == (Rule("skill", "health"),)
    assert found.accounts == ("a1", "a2")
    assert "no rep has the skill health" in found.text


def test_a_lock_against_a_named_team_and_nothing_else() -> None:
    rules = Rules(locked={"a1": "r1"}, named={"a1": frozenset({"r2", "r3"})}, forbidden=frozenset({("a1", "r4")}))
    found = only(find_clashes(organisation([account("a1")], [rep(f"r{k}") for k in range(1, 5)], rules)))
    assert set(found.rules) == {Rule("named", "a1"), Rule("locked", "a1")}
    assert "a1 is locked to r1" in found.text
    assert "a1 goes only to r2, r3" in found.text


def test_skill_and_language_that_nobody_has_together() -> None:
    made = organisation(
        [account("a1", skills=frozenset({"x"}), languages=frozenset({"fr", "nl"}))],
        [rep("r1", skills=frozenset({"x"})), rep("r2", languages=frozenset({"fr"}))],
    )
    assert set(only(find_clashes(made)).rules) == {Rule("skill", "x"), Rule("language", "fr or nl")}


def test_an_account_too_large_for_those_who_may_have_it() -> None:
    made = organisation(
        [account("a1", 50, skills=frozenset({"x"}))],
        [rep("r1", skills=frozenset({"x"}), maximum_load=20.0), rep("r2", 90)],
    )
    assert set(only(find_clashes(made)).rules) == {Rule("skill", "x"), Rule("maximum_load", "r1")}


def test_too_much_work_for_those_with_the_skill() -> None:
    skilled = [account(f"s{i}", 6, skills=frozenset({"x"})) for i in range(4)]
    others = [account(f"o{i}", 5) for i in range(3)]
    reps = [rep("r1", skills=frozenset({"x"})), rep("r2", skills=frozenset({"x"})), rep("r3", 100)]
    found = only(find_clashes(organisation([*skilled, *others], reps, Rules(maximum_load=1.0, locked={"o1": "r3"}))))
    assert set(found.rules) == {Rule("skill", "x"), Rule("maximum_load", "r1"), Rule("maximum_load", "r2")}
    assert found.accounts == ("s0", "s1", "s2", "s3")
    assert "have 24.0 hours and can only go to reps who may carry 20.0" in found.text
    assert found.irreducible


def test_whole_accounts_that_only_fit_divided() -> None:
    made = organisation([account(f"a{i}", 6) for i in range(3)], [rep("r1"), rep("r2")], Rules(maximum_load=1.0))
    assert find_clashes(made) == []
    found = only(find_clashes(made, exact=True))
    assert set(found.rules) == {Rule("maximum_load", "r1"), Rule("maximum_load", "r2")}
    assert "do not fit as a whole" in found.text
    with pytest.raises(ClashError, match="do not fit as a whole"):
        align(made, Weights(), QUICK)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_what_is_found_cannot_hold_and_less_of_it_can(seed: int) -> None:
    random = np.random.default_rng(seed)
    skills, reps = ("x", "y"), [f"r{k}" for k in range(3)]

    def some(names: tuple[str, ...]) -> frozenset[str]:
        return frozenset(name for name in names if random.random() < 0.4)

    team = [
        rep(name, skills=some(skills), languages=some(("de", "fr")), maximum_load=float(random.uniform(3, 12)))
        for name in reps
    ]
    names = [f"a{i}" for i in range(5)]
    accounts = [
        account(name, float(random.uniform(1, 6)), skills=some(skills), languages=some(("de", "fr"))) for name in names
    ]
    made = organisation(accounts, team, Rules(
        named={name: frozenset(random.choice(reps, 2).tolist()) for name in names if random.random() < 0.2},
        locked={name: str(random.choice(reps)) for name in names if random.random() < 0.2},
        forbidden=frozenset((name, reps[0]) for name in names if random.random() < 0.2),
    ))  # fmt: skip
    for clash in find_clashes(made):
        alone = without(made, keep=set(clash.rules))
        assert find_clashes(alone), clash
        for rule in clash.rules:
            left = without(made, keep=set(clash.rules) - {rule})
            concerned = replace(left, accounts=tuple(one for one in left.accounts if one.id in clash.accounts))
            assert find_clashes(concerned) == [], (rule, clash)


def without(made: Organisation, keep: set[Rule]) -> Organisation:
    """The organisation with those rules alone."""
    skills = {rule.subject for rule in keep if rule.kind == "skill"}
    spoken = {rule.subject for rule in keep if rule.kind == "language"}
    subjects = {
        kind: {rule.subject for rule in keep if rule.kind == kind}
        for kind in ("named", "locked", "forbidden", "maximum_load")
    }
    rules = made.rules
    names = {one.id for one in made.accounts}
    return replace(
        made,
        accounts=tuple(
            replace(
                one,
                skills=frozenset(one.skills) & skills,
                languages=one.languages if " or ".join(sorted(one.languages)) in spoken else frozenset(),
            )
            for one in made.accounts
        ),
        reps=tuple(one if one.id in subjects["maximum_load"] else replace(one, maximum_load=None) for one in made.reps),
        rules=Rules(
            {},
            {name: team for name, team in rules.named.items() if name in subjects["named"] & names},
            {name: one for name, one in rules.locked.items() if name in subjects["locked"] & names},
            frozenset(pair for pair in rules.forbidden if f"{pair[0]} to {pair[1]}" in subjects["forbidden"]),
            None,
        ),
    )
