"""The commands in the runbooks exist, with the options that are given, and links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from workers.__main__ import build

FOLDER = Path(__file__).parents[3] / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
COMMANDS = [(page.name, line[2:]) for page in PAGES for line in page.read_text().splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=str)
def test_each_command_exists_as_it_is_written(page: str, line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "fairlead", page
    # Parsed by the real command line: it refuses an unknown command or option and a value that is missing or odd.
    command = typer.main.get_command(build(words))
    context = command.make_context("fairlead", words)
    while isinstance(command, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        if rest == ["--help"]:
            return
        command, context = found, found.make_context(name, rest, parent=context)
    if isinstance(command, TyperGroup):
        assert command.invoke_without_command, f"{page}: {line} lacks a command"


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (page.parent / target).exists(), target
    assert page.name == "README.md" or f"({page.name})" in (FOLDER / "README.md").read_text()
