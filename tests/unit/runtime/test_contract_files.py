"""Writing, checking and releasing contracts, in a project of its own with the tasks of `flow`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.runtime.demo.cases import ROOT
from workers.cli.contracts import app
from workers.runtime.contracts_files import (
    ContractsRefused,
    breaks_since_release,
    last_release,
    release,
    stale,
    write,
)

BOOK = Path("docs/contracts/flow/book.json")
TEMPLATES = Path(".camunda/element-templates/fairlead_flow.json")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("docs", "bpmn"):
        (tmp_path / folder).mkdir()
    write(tmp_path, ROOT)
    return tmp_path


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def changed(file: Path, change: dict[str, object]) -> None:
    file.write_text(json.dumps(read(file) | change), "utf-8")


def booking(project: Path) -> list[dict[str, Any]]:
    return [each for each in read(project / TEMPLATES) if each["id"] == "fairlead.flow.book"]


def test_whatever_differs_is_stale_and_written_again(project: Path) -> None:
    assert stale(project, ROOT) == []
    assert write(project, ROOT) == []
    changed(project / BOOK, {"effect": "none"})
    (project / "docs/tasks.md").unlink()
    gone = Path("docs/contracts/flow/gone.json")
    (project / gone).write_text("{}")
    own = project / ".camunda/element-templates/an_analysts_own.json"
    own.write_text("[]")
    assert stale(project, ROOT) == [BOOK, gone, Path("docs/tasks.md")]
    assert write(project, ROOT) == [BOOK, gone, Path("docs/tasks.md")]
    assert stale(project, ROOT) == []
    assert not (project / gone).exists()
    assert own.exists()


def test_release_is_what_the_next_one_is_held_against(project: Path) -> None:
    assert breaks_since_release(project, ROOT) == (None, [])
    folder = project / release(project, "0.9.0", root=ROOT)
    assert breaks_since_release(project, ROOT) == ("0.9.0", [])
    assert stale(project, ROOT) == []

    output = read(folder / "flow/book.json")["output"]
    output["properties"]["price"] = {"type": "integer"}
    changed(folder / "flow/book.json", {"output": output})
    version, (broken,) = breaks_since_release(project, ROOT)
    assert (version, broken.job_type, broken.what) == ("0.9.0", "flow.book", "the output `price` is gone.")
    with pytest.raises(ContractsRefused, match="the output `price` is gone"):
        release(project, "0.10.0", root=ROOT)

    folder = project / release(project, "0.10.0", accepted_why="No instance is left.", root=ROOT)
    assert read(folder / "release.json") == {
        "version": "0.10.0",
        "breaks": [str(broken)],
        "accepted_why": "No instance is left.",
    }
    last = last_release(project)
    assert last is not None
    assert last.version == "0.10.0"  # above 0.9.0, whatever the alphabet says
    assert breaks_since_release(project, ROOT) == ("0.10.0", [])


@pytest.mark.parametrize("version", ["1.0.0", "0.9.9", "next"])
def test_release_needs_a_higher_version(project: Path, version: str) -> None:
    release(project, "1.0.0", root=ROOT)
    with pytest.raises(ContractsRefused, match=version):
        release(project, version, root=ROOT)


def test_release_needs_what_the_code_says(project: Path) -> None:
    changed(project / BOOK, {"effect": "none"})
    with pytest.raises(ContractsRefused, match="fairlead contracts generate"):
        release(project, "1.0.0", root=ROOT)


def test_changed_template_gets_the_next_version_and_the_old_one_stays(project: Path) -> None:
    (made,) = booking(project)
    assert made["version"] == 1
    folder = project / release(project, "1.0.0", root=ROOT)
    kept = folder / "_templates" / TEMPLATES.name
    released = [each | {"name": "Book it"} if each["id"] == made["id"] else each for each in read(kept)]
    kept.write_text(json.dumps(released), "utf-8")
    assert stale(project, ROOT) == [TEMPLATES]
    write(project, ROOT)
    assert [(each["version"], each["name"]) for each in booking(project)] == [(2, "Book"), (1, "Book it")]
    release(project, "1.1.0", root=ROOT)
    assert stale(project, ROOT) == []


def test_commands_say_what_to_do(tmp_path: Path) -> None:
    run = CliRunner()
    done = run.invoke(app, ["generate", "--check", "--project", str(tmp_path)])
    assert done.exit_code == 1
    assert "--project" in done.stderr
    for folder in ("docs", "bpmn"):
        (tmp_path / folder).mkdir()
    done = run.invoke(app, ["generate", "--check", "--project", str(tmp_path)])
    assert done.exit_code == 1
    assert "Run `fairlead contracts generate`" in done.stderr
    assert not (tmp_path / "docs/tasks.md").exists()
    for arguments, said in (
        (["generate"], "Written"),
        (["generate", "--check"], "are what the code says"),
        (["compare"], "Nothing was released"),
        (["release"], "are kept in docs/contracts/releases/"),
        (["compare"], "go on under today's workers"),
    ):
        done = run.invoke(app, [*arguments, "--project", str(tmp_path)])
        assert done.exit_code == 0, done.output
        assert said in done.stdout
    done = run.invoke(app, ["release", "--project", str(tmp_path)])
    assert done.exit_code == 1
    assert "is not above the last release" in done.stderr
