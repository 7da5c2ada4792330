from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.unit.forecast_review.forecasting.helpers import START, history
from workers.bench.forecast_faults import with_faults
from workers.cli.forecast import app
from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.checks import check
from workers.forecast_review.forecasting.history import History
from workers.settings import get_settings

run = CliRunner().invoke
QUICK = ["--hierarchy", "region,shop", "--horizon", "3", "--models", "theta", "--origins", "2", "--processes", "1"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Versions go to a folder of the test's own, and no database is there."""
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("FAIRLEAD_ZEEBE__ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()


def write(path: Path, made: History, more: str = "") -> str:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["region", "shop", "month", "sales"])
        for one in made.series.values():
            out.writerows([*one.path, months.text(one.start + i), round(v, 3)] for i, v in enumerate(one.values))
        file.write(more)
    return str(path)


def test_run_show_accuracy_compare_and_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv("TERM", "xterm")
    old = write(tmp_path / "old.csv", history().until(START + 116), "r0,s0,2010-01,€ 5\n")
    out = {name: tmp_path / f"points.{name}" for name in ("csv", "parquet", "png", "html")}
    options = ["--csv", str(out["csv"]), "--parquet", str(out["parquet"]), "--chart", str(out["png"])]
    done = run(app, ["run", "--data", old, *QUICK, *options])
    assert done.exit_code == 0, done.output
    assert "old.csv, row 470: '€ 5' carries '€'" in done.output
    assert "(currency)" in done.output
    assert "choosing and adding up" in done.stderr  # the bar, as it was drawn last
    assert "published" in done.output
    assert len(pd.read_csv(out["csv"])) == len(pd.read_parquet(out["parquet"])) == 7 * 3
    assert out["png"].read_bytes().startswith(b"\x89PNG")

    new = write(tmp_path / "new.csv", history())
    done = run(app, ["accuracy", "latest", "--data", new, "--hierarchy", "region,shop"])
    assert done.exit_code == 0, done.output
    assert "reconciled" in done.output
    done = run(app, ["run", "--data", new, *QUICK])
    assert done.exit_code == 0, done.output
    done = run(app, ["list"])
    names = [word for word in done.output.split() if word.startswith("region_shop_sales-2017")]
    assert len(names) == 2, done.output
    assert "The database can't be reached" in done.output
    done = run(app, ["compare", *sorted(names)])
    assert done.exit_code == 0, done.output
    assert "new month(s)" in done.output or "level" in done.output
    done = run(app, ["show", "latest", "--segment", "r1/s0"])
    assert done.exit_code == 0, done.output
    assert "2018-03" in done.output
    done = run(app, ["show", "latest", "--segment", "r1", "--segment", "total", "--chart", str(out["html"])])
    assert done.exit_code == 0, done.output
    assert out["html"].read_text().count("data:image/png") == 2
    done = run(app, ["hindsight", "latest"])
    assert done.exit_code == 1
    assert "The engine at 127.0.0.1:1 can't be reached" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--data", "{data}"], "either --layout, or --hierarchy"),
        (["run", "--data", "{data}", "--hierarchy", "town"], "no column 'town'"),
        (["run", "--data", "{data}", "--hierarchy", "region,shop", "--horizon", "99"], "the horizon is 99 months"),
        (["run", "--data", "{data}", "--hierarchy", "region,shop", "--models", "magic"], "no model 'magic'"),
        (["run", "--data", "nowhere.csv", "--layout", "retail_turnover"], "nowhere.csv cannot be read"),
        (["show", "latest"], "no forecast here yet"),
        (["show", "some-version"], "The database can't be reached"),
    ],
)
def test_what_a_user_can_mend_is_said_in_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    data = write(tmp_path / "sales.csv", history(24))
    done = run(app, [part.format(data=data) for part in arguments])
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output


def test_each_finding_is_told_with_its_rule_and_repair(tmp_path: Path) -> None:
    made = history()
    made.series["r0/s0"].values[70] = -3.0
    made.series["r0/s1"].values[50] *= 9
    data, found = write(tmp_path / "sales.csv", made, "r0,s0,2010-01,€ 5\n"), tmp_path / "findings.csv"
    assert run(app, ["run", "--data", data, *QUICK]).exit_code == 0
    done = run(app, ["findings", "latest", "--csv", str(found)])
    assert done.exit_code == 0, done.output
    assert "3 finding(s)" in done.output
    rows = pd.read_csv(found)
    assert rows[["severity", "rule", "series"]].fillna("").to_numpy().tolist() == [
        ["error", "negative", "r0/s0"],
        ["warning", "currency", ""],
        ["warning", "outlier", "r0/s1"],
    ]
    assert rows["month"].tolist()[0] == "2013-11-01"
    assert rows["repaired"].tolist()[2] == pytest.approx(made.series["r0/s1"].values[50] / 9, rel=0.25)
    done = run(app, ["findings", "latest", "--segment", "r1/s0"])
    assert "nothing was found" in done.output


def test_faults_are_put_in_at_the_rate_stated_and_found() -> None:
    made = history()
    dirty = with_faults(made, 0.05, seed=1)
    changed = sum(int((one.values != made.series[name].values).sum()) for name, one in dirty.series.items())
    assert 0.02 < changed / (4 * 120) < 0.09
    found = [finding for finding in check(dirty) if finding.month is not None]
    spots = {(name, one.start + i) for name, one in dirty.series.items() for i in range(120) if one.values[i] != made.series[name].values[i]}  # fmt: skip
    hit = spots & {(finding.series, finding.month) for finding in found}
    assert len(hit) > 0.9 * len(spots)


def test_a_worker_does_not_load_the_forecasting_libraries() -> None:
    """What every worker process imports, in a process of its own."""
    program = (
        "import sys, workers.runtime.worker, workers.lead_routing.wiring, workers.gateway.app, workers.__main__; "
        "print(sorted({'statsforecast', 'prophet', 'statsmodels', 'matplotlib', 'pandas', 'keras'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_today_is_not_part_of_the_data(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    data = write(tmp_path / "sales.csv", history(24), f"r0,s0,{now:%Y-%m},5\n")
    done = run(app, ["run", "--data", data, *QUICK])
    assert done.exit_code == 0, done.output
    assert f"{now:%Y-%m} is not over yet" in done.output
