from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.cli.scorer import app
from workers.settings import get_settings

MakeLeads = Callable[..., list[dict[str, object]]]
run = CliRunner().invoke


@pytest.fixture
def leads_file(tmp_path: Path, make_leads: MakeLeads) -> Path:
    return write(tmp_path / "leads.jsonl.gz", make_leads(1200))


def write(path: Path, leads: list[dict[str, object]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(lead) + "\n" for lead in leads)
    return path


@pytest.fixture
def database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.slow
def test_train_into_a_folder_then_watch_drift(leads_file: Path, tmp_path: Path, make_leads: MakeLeads) -> None:
    done = run(app, ["train", "--data", str(leads_file), "--schema", "sales_leads", "--out", str(tmp_path / "m")])
    assert done.exit_code == 0, done.output
    (model,) = (tmp_path / "m").glob("*.scorer")
    card = json.loads((tmp_path / "m" / f"{model.stem}.card.json").read_text())
    assert card["version"] == model.stem
    assert card["data"]["name"] == "leads.jsonl.gz"
    assert (tmp_path / "m" / f"{model.stem}.card.md").read_text().startswith(f"# Model card: {model.stem}")

    calm = write(tmp_path / "calm.jsonl.gz", make_leads(400, seed=9, start=1200))
    done = run(app, ["drift", "--data", str(calm), "--schema", "sales_leads", "--model", str(model)])
    assert done.exit_code == 0, done.output
    assert "nothing needs doing" in done.output
    moved = write(tmp_path / "moved.jsonl.gz", make_leads(400, seed=9, start=1200, rate=1.0))
    done = run(app, ["drift", "--data", str(moved), "--schema", "sales_leads", "--model", str(model), "--json"])
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["drifted"] is True


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_train_store_list_card_and_retrain(leads_file: Path, tmp_path: Path, make_leads: MakeLeads) -> None:
    assert "no model yet" in run(app, ["list"]).output
    done = run(app, ["train", "--data", str(leads_file), "--schema", "sales_leads"])
    assert done.exit_code == 0, done.output
    assert "made it active" in done.output
    version = done.output.split(":")[0].strip()
    assert version in run(app, ["list"]).output
    assert run(app, ["card", version]).output.startswith(f"# Model card: {version}")
    assert run(app, ["activate", version]).output.strip() == f"{version} is active."
    missing = run(app, ["activate", "nothing-1"])
    assert missing.exit_code == 1
    assert "there is no model 'nothing-1'" in missing.output

    longer = write(tmp_path / "longer.jsonl.gz", make_leads(1200) + make_leads(1500, seed=4, start=1200, rate=0.5))
    done = run(app, ["retrain", "--data", str(longer), "--window", "1500"])
    assert done.exit_code == 0, done.output
    assert f"replaces {version}" in done.output
    done = run(app, ["retrain"])
    assert done.exit_code == 1
    assert "0 rows were read" in done.output


def test_bad_input_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = run(app, ["train", "--data", str(tmp_path / "no.csv"), "--schema", "sales_leads", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "cannot be read" in done.output
    half = tmp_path / "half.csv.gz"
    half.write_bytes(gzip.compress(b"a,b\n" * 1000)[:30])
    done = run(app, ["train", "--data", str(half), "--schema", "sales_leads", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "whole gzip file" in done.output
    file = tmp_path / "few.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerow(["source"])
    done = run(app, ["train", "--data", str(file), "--schema", "sales_leads", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "needs the columns" in done.output


@pytest.mark.slow
def test_evaluate_and_bench_print_their_tables(leads_file: Path) -> None:
    done = run(app, ["evaluate", "--data", str(leads_file), "--schema", "sales_leads", "--every", "240"])
    assert done.exit_code == 0, done.output
    assert "hist_gradient_boosting" in done.output
    done = run(app, ["bench", "--data", str(leads_file), "--schema", "sales_leads", "--calls", "200"])
    assert done.exit_code == 0, done.output
    assert "p99" in done.output
