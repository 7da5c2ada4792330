"""What the local stack starts for which settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from workers.cli._up_screen import Up
from workers.engine import readiness
from workers.engine.downloads import Store
from workers.engine.programs import Program, programs
from workers.runtime.discovery import all_job_types, contexts
from workers.settings import ControlRoom, Settings, Tracing


@pytest.mark.parametrize(
    ("tracing", "started"),
    [
        (Tracing(), False),
        (Tracing(exporter="otlp"), False),
        (Tracing(exporter="zipkin", endpoint="http://zipkin.example/api/v2/spans"), False),
        (Tracing(exporter="zipkin"), True),
    ],
)
def test_zipkin_runs_only_for_who_exports_there_and_has_none(tracing: Tracing, started: bool, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, tracing=tracing)
    names = [program.name for program in programs(settings, Store(tmp_path))]
    assert ("zipkin" in names) == started
    if started:
        assert settings.tracing_endpoint == "http://127.0.0.1:9411/api/v2/spans"
        assert names.index("zipkin") < names.index("worker")


def served(program: Program) -> set[str]:
    """The tasks that a worker's command line names, or leaves to it by --all."""
    words = [word for word in program.command() if "." in word and word.split(".")[0] in contexts()]
    return set(all_job_types()) - set(words) if "--all" in program.command() else set(words)


def test_each_task_has_one_program_and_what_takes_long_gives_way(tmp_path: Path) -> None:
    found = {program.name: program for program in programs(Settings(home=tmp_path), Store(tmp_path))}
    workers = {name: served(found[name]) for name in ("worker", "scorer", "upkeep", "forecaster", "planner")}
    assert sorted(task for tasks in workers.values() for task in tasks) == all_job_types()
    assert "forecast_review.fit_forecast" in workers["forecaster"]
    assert "forecast_review.open_review" in workers["worker"]
    assert "territory_alignment.solve_territories" in workers["planner"]
    assert all(found[name].command()[:3] == ("nice", "-n", "10") for name in ("forecaster", "planner"))


@pytest.mark.parametrize(
    ("engine", "records_url", "runs"),
    [("local", None, True), ("remote", None, False), ("remote", "https://search.example", True)],
)
def test_the_read_model_runs_where_records_can_be_read_and_gives_way(
    engine: Literal["local", "remote"], records_url: str | None, runs: bool, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, engine=engine, control_room=ControlRoom(records_url=records_url))
    found = {program.name: program for program in programs(settings, Store(tmp_path))}
    assert ("readmodel" in found) == ("predictor" in found) == runs
    if runs:
        assert found["predictor"].command()[:3] == ("nice", "-n", "10")
        assert found["readmodel"].command()[:3] == ("nice", "-n", "10")


@pytest.mark.parametrize(
    ("extra", "program", "task"),
    [
        ("can_forecast", "forecaster", "forecast_review.fit_forecast"),
        ("can_plan", "planner", "territory_alignment.solve_territories"),
    ],
)
def test_without_the_extra_there_is_no_such_program_and_nobody_else_takes_its_tasks(
    extra: str, program: str, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"workers.engine.programs.{extra}", lambda: False)
    found = {one.name: one for one in programs(Settings(home=tmp_path), Store(tmp_path))}
    assert program not in found
    assert task not in served(found["worker"])


@pytest.mark.parametrize(("records_url", "warned"), [(None, True), ("https://search.example", False)])
async def test_who_starts_beside_a_cluster_is_told_what_lacks_without_its_records(
    records_url: str | None,
    warned: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def answers(_settings: Settings) -> None:
        """A cluster that can be used."""

    monkeypatch.setattr(readiness, "zeebe_ok", answers)
    settings = Settings(
        home=tmp_path, cache=tmp_path, engine="remote", control_room=ControlRoom(records_url=records_url)
    )
    await Up(settings, engine_only=False, sample=False)._check_remote()
    said = capsys.readouterr().out
    assert "answers" in said
    assert ("FAIRLEAD_CONTROL_ROOM__RECORDS_URL" in said) == warned
