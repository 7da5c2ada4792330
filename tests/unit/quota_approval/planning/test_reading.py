from __future__ import annotations

from pathlib import Path

import pytest

from workers.quota_approval.planning.errors import InputError, QuotaError
from workers.quota_approval.planning.reading import Reading, read_folder
from workers.quota_approval.planning.rules import load_rules
from workers.quota_approval.planning.running import run_plan

FILES = {
    "units": "unit,parent,level,name\ntop,,company,All\neast,top,team,\nwest,top,team,\n",
    "reps": "period,rep,name,unit,hired,left\n27,ann,Ann,east,2020-01-01,\n27,bob,Bob,west,2027-02-01,2027-02-20\n",
    "territories": "period,rep,segment,potential\n27,ann,s,300\n27,bob,s,100\n27,,s,100\n",
    "forecast": "period,segment,month,value,lo80,hi80\n27,s,2027-01,1000,900,1100\n27,s,2027-02-01,500,400,600\n",
    "ramp": "month,productivity\n1,0.5\n",
}
RULES = "period: '27'\ncurrency: EUR\ntarget: 1000\nbuffers: {team: 0.01, rep: 0.02}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


def read(folder: Path) -> Reading:
    return read_folder(folder, currency="EUR")


def add(folder: Path, name: str, rows: str) -> None:
    with (folder / f"{name}.csv").open("a") as file:
        file.write(rows)


def test_expectations_follow_shares_ramp_and_season(folder: Path) -> None:
    plan = run_plan(read(folder).inputs, load_rules(folder / "rules.yaml"))
    ann, bob = plan.reps.to_dict("records")
    assert ann["expected"] == pytest.approx(1500 * 300 / 500)
    assert bob["expected"] == pytest.approx(500 * 0.5 * 100 / 500), "one month at work, half productive; a vacant fifth"
    assert bob["capacity"] == pytest.approx(250 / 1500)
    assert list(plan.phases["quota"]) == [
        *(round(ann["quota"] * part) for part in (2 / 3, 1 / 3)), 0, bob["quota"],
    ]  # fmt: skip
    assert "results.csv: no earlier period has 30 results" in " ".join(plan.problems["text"])


def test_bad_rows_are_named_and_the_rest_is_read(folder: Path) -> None:
    add(folder, "territories", "27,ann,t,50\n27,ann,s,-4\n27,cid,s,5\n27,ann,s,9\n")
    add(folder, "forecast", "27,s,2027-03,100,200,300\n27,s,2027-13,1,1,1\n")
    (folder / "bounds.csv").write_text("node,floor,cap,currency\neast,5,1,EUR\nann,5,9,USD\nzoe,1,2,\n")
    found = read(folder)
    texts = {problem.rule: problem.text for problem in found.problems}
    assert texts["greater_than_equal"].startswith("territories.csv, row 6: potential is '-4': ")
    assert "row 8: 27, ann, s is in row 2 already" in texts["duplicate"]
    assert "segment 't' has no forecast for 27" in texts["unknown_segment"]
    assert "rep 'cid' is not in reps.csv for 27" in texts["unknown_rep"]
    assert "the value 100 is not inside its interval 200 to 300" in " ".join(one.text for one in found.problems)
    assert "forecast.csv, row 5: month is '2027-13-01'" in " ".join(one.text for one in found.problems)
    assert texts["currency"] == "bounds.csv, row 3: the amount is in USD, the plan in EUR; convert it first"
    assert "the floor 5 is above the cap 1" in " ".join(one.text for one in found.problems)
    assert "'zoe' is neither a unit nor a rep" in texts["unknown_node"]
    assert len(found.inputs.territories) == 3
    assert not found.inputs.bounds


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("units", "unit,parent,level\na,b,x\nb,a,y\nc,,z\n", "a → b → a is a circle"),
        ("units", "unit,parent,level\na,,x\nb,,x\n", "exactly one unit, the top, has no parent; here a, b have none"),
        ("units", "unit,parent,level\ntop,,x\neast,top,t\neast,west,t\n", "row 4: east is in row 3 already; a unit has one place"),
        ("units", "unit,parent,level\ntop,,x\neast,nowhere,t\n", "the parent 'nowhere' of east has no row"),
        ("units", "unit,parent,level\ntop,,x\neast,top,t\n", "bob belongs to unit 'west', which units.csv lacks"),
        ("units", "unit,parent,level\ntop,,t\neast,top,t\nwest,top,t\n", "top and a unit below it are both of level 't'"),
        ("reps", FILES["reps"] + "27,ann,Ann,west,2020-01-01,\n", "27, ann is in row 2 already; a rep has one boss"),
        ("reps", "period,rep,unit,hired\n26,ann,east,2020-01-01\n", "reps.csv has no rep for the period"),
        ("reps", "period,rep,unit\n27,ann,east\n", "reps.csv lacks the columns 'hired'"),
        ("forecast", "period,segment,month,value\n27,s,2027-01,1\n", "no segment has lo80 and hi80 for 27"),
        ("forecast", "period,segment,month,value\n27,s,soon,1\n", "no row can be used, 1 were refused. The first: forecast.csv, row 2"),
        ("forecast", "period,segment,month,value\n26,s,2026-01,1\n", "no rows for period 27; it has 26"),
        (
            "results", "period,node,quota,result\n27,ann,1,1\n",
            "27 has 2027-01, for which 27 has quotas and results already",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_says_why(folder: Path, name: str, text: str, says: str) -> None:
    (folder / f"{name}.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        run_plan(read(folder).inputs, load_rules(folder / "rules.yaml"))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("target: -1\n", "rules.yaml: target: Input should be greater than or equal to 0"),
        ("colour: red\n", "rules.yaml: colour: Extra inputs are not permitted"),
        ("limits: {rep: {floor: 5, cap: 2}}\n", "the floor 5 is above the cap 2"),
        ("buffers: {region: 0.1}\n", "buffers: the tree has no level 'region'; it has company, team, rep"),
        ("buffers: {company: 0.1}\n", "'company' is the top level"),
        ("expected: {rep: {cap: 0.1}}\n", "these cannot hold together"),
    ],
)
def test_rules_that_cannot_be_kept_say_why(folder: Path, rules: str, says: str) -> None:
    kept = [line for line in RULES.splitlines(keepends=True) if line.partition(":")[0] != rules.partition(":")[0]]
    (folder / "rules.yaml").write_text("".join(kept) + rules)
    with pytest.raises(QuotaError) as caught:
        run_plan(read(folder).inputs, load_rules(folder / "rules.yaml"))
    assert says in str(caught.value)


def test_who_can_expect_nothing_gets_nothing_unless_a_floor_says_so(folder: Path) -> None:
    add(folder, "reps", "27,eve,Eve,east,2029-01-01,\n27,fay,Fay,east,2020-01-01,\n")
    (folder / "bounds.csv").write_text("node,floor\nfay,25.50\n")
    with (folder / "rules.yaml").open("a") as file:
        file.write("limits: {rep: {floor: 10}}\n")
    plan = run_plan(read(folder).inputs, load_rules(folder / "rules.yaml"))
    assert plan.quota("eve") == 0
    assert plan.quota("fay") == 2550
    assert {"no_territory"} <= set(plan.problems["rule"])


def test_the_order_of_rows_does_not_count(folder: Path) -> None:
    before = read(folder).inputs.sha256
    lines = FILES["territories"].splitlines(keepends=True)
    (folder / "territories.csv").write_text("".join([lines[0], *reversed(lines[1:])]))
    assert read(folder).inputs.sha256 == before
    (folder / "territories.csv").write_text(FILES["territories"].replace("300", "301"))
    assert read(folder).inputs.sha256 != before
