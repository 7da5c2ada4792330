"""The commands in the runbooks exist, with the options that are given, and links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from workers.__main__ import build

FOLDER = Path(__file__).parents[3] / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
COMMANDS = [(page.name, line[2:]) for page in PAGES for line in page.read_text().splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=str)
def test_each_command_exists_as_it_is_written(page: str, line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "fairlead", page
    # Parsed by the real command line; a value that is missing or an unknown option is refused there.
    command: click.Command = typer.main.get_command(build(words))
    context = click.Context(command, info_name="fairlead")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    if "--help" in words:
        words.remove("--help")
        return
    command.parse_args(context, words)
    if isinstance(command, click.Group):
        assert command.invoke_without_command, f"{page}: {line} lacks a command"


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (page.parent / target).exists(), target
    assert page.name == "README.md" or f"({page.name})" in (FOLDER / "README.md").read_text()
