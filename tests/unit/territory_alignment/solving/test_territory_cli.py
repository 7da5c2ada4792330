from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from workers.cli.territory import app
from workers.settings import get_settings

run = CliRunner().invoke
QUICK = ["--no-clock", "--rounds", "2"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Plans go to a folder of the test's own, and no database is there."""
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("COLUMNS", "250")
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()


def said(*arguments: str, code: int = 0) -> str:
    done = run(app, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


def files(folder: Path) -> list[str]:
    said("sample", str(folder), "--reps", "8", "--accounts", "100", "--seed", "2")
    return [part for name in ("accounts", "reps", "rules") for part in (f"--{name}", str(folder / f"{name}.csv"))]


def test_sample_solve_adjust_show_compare_and_list(tmp_path: Path) -> None:
    given = files(tmp_path)
    with (tmp_path / "accounts.csv").open("a") as file:
        file.write("A99999,,,5,5,,,,,\n")
    out = {name: tmp_path / f"plan.{name}" for name in ("csv", "png")}
    shown = said("solve", *given, *QUICK, "--name", "north", "--csv", str(out["csv"]), "--chart", str(out["png"]))
    assert "accounts.csv, row 102: A99999 has no location" in shown
    assert "No plan that keeps the hard rules has" in shown
    assert "accounts that change hands" in shown
    assert len(pd.read_csv(out["csv"])) == 100
    assert out["png"].read_bytes().startswith(b"\x89PNG")
    (first,) = (tmp_path / "home" / "territories").glob("north-*.territories")

    shown = said("adjust", first.stem, "--leaves", "R003", "--published", "--rounds", "1")
    assert f"accounts differ from {first.stem}" in shown
    assert "R003 is not there any more" in shown
    (second,) = {*(tmp_path / "home" / "territories").glob("north-*")} - {first}
    shown = said("compare", first.stem, str(second), "--chart", str(tmp_path / "two.png"))
    assert first.stem in shown
    assert second.stem in shown
    assert (tmp_path / "two.png").exists()
    assert "R002 in" in said("show", first.stem, "--rep", "R002")
    shown = said("list")
    assert "The database can't be reached" in shown
    assert shown.count("north-") >= 2


def test_the_same_seed_gives_the_same_plan(tmp_path: Path) -> None:
    given = files(tmp_path)
    for _ in range(2):
        said("solve", *given, *QUICK)
    assert len(list((tmp_path / "home" / "territories").iterdir())) == 1


def test_published_instances(tmp_path: Path) -> None:
    (tmp_path / "gap").write_text("2 3  1 9 2  9 1 3  1 1 1  1 1 1  2 2")
    shown = said("solve-gap", str(tmp_path / "gap"), "--seconds", "30")
    assert "│ 4 " in shown
    assert "4.00" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--weights", "speed=1"], "'speed=1' is no weight"),
        (["--weights", "travel=fast"], "'travel=fast' is no weight"),
        (["--weights", "travel=-1"], "the weight travel is -1"),
        (["--no-clock"], "give a limit"),
        (["--rules", "none.csv"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told(tmp_path: Path, arguments: list[str], words: str) -> None:
    assert words in said("solve", *files(tmp_path)[:4], *arguments, code=1)


def test_rules_that_clash_are_told_and_the_rest_can_be_planned(tmp_path: Path) -> None:
    given = files(tmp_path)
    with (tmp_path / "rules.csv").open("a") as file:
        file.write("forbidden,A00003,R001,,,\nlocked,A00003,R001,,,\n")
    assert "A00003 is locked to R001" in said("solve", *given, *QUICK, code=1)
    said("solve", *given, *QUICK, "--leave-out")


def test_no_plan_yet() -> None:
    assert "make one with `fairlead territory solve`" in said("show", code=1)
    assert "There is no plan yet" in said("list")
