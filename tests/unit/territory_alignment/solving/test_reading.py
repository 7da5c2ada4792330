from __future__ import annotations

from pathlib import Path

import pytest

from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.frames import write_files
from workers.territory_alignment.solving.organisation import Rules, Weights
from workers.territory_alignment.solving.reading import Reading, read_organisation, read_reps
from workers.territory_alignment.solving.sample import sample_organisation

ACCOUNTS = "account,latitude,longitude,potential,workload,industry,languages,owner,relationship_years\n"
REPS = "rep,latitude,longitude,capacity,skills\nr1,50,10,100,health;x\nr2,51,11,100,\n"


def read(folder: Path, accounts: str, reps: str = REPS, rules: str | None = None) -> Reading:
    for name, text in (("accounts", accounts), ("reps", reps), ("rules", rules or "")):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return read_organisation(
        folder / "accounts.csv", folder / "reps.csv", None if rules is None else folder / "rules.csv", name="t"
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = sample_organisation(12, 150, 3)
    write_files(made, tmp_path)
    found = read_organisation(tmp_path / "accounts.csv", tmp_path / "reps.csv", tmp_path / "rules.csv", name=made.name)
    assert found.organisation == made
    assert found.problems == ()
    assert found.organisation.digest() == made.digest() != sample_organisation(12, 150, 4).digest()


@pytest.mark.parametrize(
    ("row", "rule", "said"),
    [
        ("a2,,10,1,1", "missing_location", "a2 has no location"),
        ("a2,50,10,-5,1", "negative_potential", "potential is -5"),
        ("a2,50,10,1,-2", "negative_workload", "workload is -2"),
        ('a2,50,10,"1,5",1', "not_a_number", "'1,5', not a number"),
        ("a2,50,10,inf,1", "not_a_number", "finite"),
        ("a2,50,10,,1", "missing_value", "potential is empty"),
        ("a2,95,10,1,1", "out_of_range", "latitude is 95"),
        ("a1,50,10,1,1", "duplicate_account", "the first row counts"),
        (",50,10,1,1", "missing_id", "needs its own id"),
        ("a2,50,10,1,1,,,,-1", "negative_relationship_years", "relationship_years is -1"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_is_read(tmp_path: Path, row: str, rule: str, said: str) -> None:
    found = read(tmp_path, f"{ACCOUNTS}a1,50,10,1,1\n{row}\na3,50,10,2,3,health,de fr,r1,2.5\n")
    (problem,) = found.problems
    assert (problem.where, problem.rule) == ("accounts.csv, row 3", rule)
    assert said in problem.text
    assert [one.id for one in found.organisation.accounts] == ["a1", "a3"]
    last = found.organisation.accounts[1]
    assert (last.languages, last.owner, last.relationship_years) == ({"de", "fr"}, "r1", 2.5)


def test_semicolons_and_owners_who_are_gone(tmp_path: Path) -> None:
    found = read(tmp_path, f"{ACCOUNTS}a1,50,10,1,1,,,r9\n".replace(",", ";"))
    assert found.organisation.accounts[0].owner == "r9"
    assert "r9" in found.problems[0].text
    assert found.problems[0].rule == "owner_gone"


def test_rules_are_read_and_bad_ones_named(tmp_path: Path) -> None:
    rows = [
        "industry_skill,,,health,health,", "named,a1,r1,,,", "named,a1,r2,,,", "locked,a2,r1,,,", "locked,a2,r2,,,",
        "forbidden,a2,r2,,,", "maximum_load,,,,,1.5", "named,a9,r1,,,", "locked,a1,r9,,,", "industry_skill,,,media,,", "often,,,,,",
    ]  # fmt: skip
    accounts = f"{ACCOUNTS}a1,50,10,1,1\na2,50,10,1,1\n"
    found = read(tmp_path, accounts, rules="rule,account,rep,industry,skills,value\n" + "\n".join(rows) + "\n")
    assert found.organisation.rules == Rules(
        {"health": frozenset({"health"})}, {"a1": frozenset({"r1", "r2"})}, {"a2": "r1"}, frozenset({("a2", "r2")}), 1.5
    )
    told = {problem.where.rpartition(" ")[2]: problem.rule for problem in found.problems}
    assert told == {
        "6": "locked_twice",
        "9": "unknown_name",
        "10": "unknown_name",
        "11": "empty_rule",
        "12": "unknown_rule",
    }


@pytest.mark.parametrize(
    ("accounts", "reps", "said"),
    [
        ("account,latitude\na1,50\n", REPS, "accounts.csv lacks the column"),
        (
            f"{ACCOUNTS}a1,,,1,1\n",
            REPS,
            "accounts.csv: no row can be used. The first: accounts.csv, row 2: a1 has no location",
        ),
        (f"{ACCOUNTS}a1,50,10,1,1\n", "rep,latitude,longitude,capacity\nr1,50,10,0\n", "r1 has no capacity"),
        ("", REPS, "not a CSV file"),
    ],
)
def test_nothing_to_plan_is_an_error(tmp_path: Path, accounts: str, reps: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, accounts, reps)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_reps(tmp_path / "none.csv")


@pytest.mark.parametrize("values", [{"travel": -1.0}, {"tolerance": float("nan")}])
def test_weights_that_mean_nothing_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(InputError, match="give a number from 0 up"):
        Weights(**values)
