"""bpmnlint with Camunda's own rules for the oldest engine we support, dmnlint, and the forms' shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bindings import npm
from tests.bindings.models import BPMN_FILES, DMN_FILES, FORM_FILES

FORM_FIELDS = {
    "text",
    "textfield",
    "textarea",
    "number",
    "select",
    "radio",
    "checkbox",
    "separator",
    "group",
    "table",
    "image",
    "dynamiclist",
}
"""Component types that Tasklist 8.6 shows and that we use; grow it by what was seen working there."""


@pytest.fixture(scope="session")
def lint() -> Callable[..., None]:
    """Runs a linter on files, all at once: most of the time it takes is its start."""
    npm.install()

    def check(linter: str, *files: Path) -> None:
        done = npm.run(npm.MODULES / ".bin" / linter, *files)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout, done.stdout

    return check


def test_bpmnlint(lint: Callable[..., None]) -> None:
    lint("bpmnlint", *BPMN_FILES)


def test_dmnlint(lint: Callable[..., None]) -> None:
    lint("dmnlint", *DMN_FILES)


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
