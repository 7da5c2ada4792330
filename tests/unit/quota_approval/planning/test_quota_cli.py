from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from workers.cli.quota import app
from workers.settings import get_settings

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Versions go to a folder of the test's own."""
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "220")
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()


def ok(*arguments: str) -> str:
    done = run(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def version(output: str) -> str:
    return output.rpartition("Version ")[2].partition(",")[0]


def test_sample_plan_show_adjust_and_compare(tmp_path: Path) -> None:
    folder, csv = str(tmp_path / "org"), tmp_path / "out.csv"
    ok("sample", folder, "--reps", "24", "--seed", "3")
    first = version(ok("plan", folder, "--csv", str(csv)))
    frame = pd.read_csv(csv)
    assert len(frame) == 24 + frame["level"].ne("rep").sum()
    assert "the odds" not in ok("show", first, "--level", "rep", "--rows", "3")
    rep = frame.loc[frame["level"] == "rep"].iloc[0]
    told = ok("show", first, "--node", rep["node"])
    assert "forecast of the territory" in told
    assert "quantile" in ok("show", "latest", "--calibration")

    lower = f"{rep['quota'] - 100:.2f}"
    second = version(ok("adjust", first, rep["node"], lower, "--reason", "the fair is off"))
    compared = ok("compare", first, second)
    assert "set by hand: the fair is off" in compared
    third = version(ok("plan", folder, "--target", f"{frame['quota'][0] * 1.01:.2f}"))
    assert third not in {first, second}


def test_errors_are_sentences(tmp_path: Path) -> None:
    for arguments, says in (
        (["plan", str(tmp_path)], "rules.yaml cannot be read"),
        (["show", "nothing"], "there is no plan 'nothing' here; there is none"),
    ):
        done = run(app, arguments)
        assert done.exit_code == 1
        assert says in done.output
        assert "Traceback" not in done.output
    ok("sample", str(tmp_path / "org"), "--reps", "12")
    done = run(app, ["plan", str(tmp_path / "org"), "--target", "many"])
    assert done.exit_code == 1
    assert "'many' is no amount" in done.output
    done = run(app, ["plan", str(tmp_path / "org"), "--target", "5"])
    assert done.exit_code == 1
    assert "cannot hold together" in done.output
    assert "the target of company: 5.00" in done.output
