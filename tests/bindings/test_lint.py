"""bpmnlint with Camunda's own rules for the oldest engine we support, dmnlint, and the forms' shape."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.bindings.models import BPMN_FILES, DMN_FILES, FORM_FILES, ROOT

LINT = ROOT / "tests" / "lint"
FORM_FIELDS = {"text", "textfield", "textarea", "number", "select", "radio", "checkbox", "separator", "group"}
"""Component types that Tasklist 8.6 shows and that we use; grow it by what was seen working there."""


@pytest.fixture(scope="session")
def linters() -> Path:
    """The folder of the linters' programs, installed by `npm ci` if the lock file is newer."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("The linters need node and npm.")
    installed = LINT / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (LINT / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-progress"], cwd=LINT, check=True, capture_output=True)
    return LINT / "node_modules" / ".bin"


@pytest.mark.parametrize("file", BPMN_FILES, ids=lambda file: file.stem)
def test_bpmnlint(linters: Path, file: Path) -> None:
    _lint([str(linters / "bpmnlint"), "--max-warnings=0", str(file)])


@pytest.mark.parametrize("file", DMN_FILES, ids=lambda file: file.stem)
def test_dmnlint(linters: Path, file: Path) -> None:
    _lint([str(linters / "dmnlint"), str(file)])


@pytest.mark.parametrize("file", FORM_FILES, ids=lambda file: file.stem)
def test_form(file: Path) -> None:
    form = json.loads(file.read_text())
    assert form["executionPlatform"] == "Camunda Cloud"
    assert form["executionPlatformVersion"] == "8.6.0"
    assert form["id"] == file.stem
    components = form["components"]
    assert {component["type"] for component in components} <= FORM_FIELDS
    ids = [component["id"] for component in components]
    keys = [component["key"] for component in components if "key" in component]
    assert len(ids) == len(set(ids))
    assert len(keys) == len(set(keys))
    for shown in {component.get("conditional", {}).get("hide") for component in components}:
        rows: dict[str, int] = {}
        for component in components:
            if component.get("conditional", {}).get("hide") in {None, shown}:
                layout = component["layout"]
                rows[layout["row"]] = rows.get(layout["row"], 0) + layout["columns"]
        assert max(rows.values()) <= 16, f"a row of a form has 16 columns: {rows}"


def _lint(command: list[str]) -> None:
    done = subprocess.run(command, cwd=LINT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
