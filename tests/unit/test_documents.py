"""The commands in README and docs exist, with the options that are given; links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from click import BadParameter
from typer.core import TyperGroup

from workers.__main__ import build

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _commands() -> Iterator[tuple[str, str]]:
    """Page and command of every line of a code block that calls `fairlead`."""
    for page in PAGES:
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text().replace("\\\n", ""), re.DOTALL | re.MULTILINE):
            for words in re.findall(r"^(?:\$ )?(?:\.venv/bin/)?fairlead (.+)$", block, re.MULTILINE):
                yield str(page.relative_to(ROOT)), words


COMMANDS = list(_commands())


def test_pages_that_show_commands_are_read() -> None:
    pages = {page for page, _ in COMMANDS}
    assert {"README.md", "docs/api.md", "docs/runbooks/incident.md", "docs/forecast.md"} <= pages


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=str)
def test_each_command_exists_as_it_is_written(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    # Parsed by the real command line: it refuses an unknown command or option and a value that is missing or odd.
    command = typer.main.get_command(build(words))
    context = command.make_context("fairlead", words)
    while isinstance(command, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        if rest == ["--help"]:
            return
        try:
            command, context = found, found.make_context(name, rest, parent=context)
        except BadParameter as error:
            assert "does not exist" in error.message, f"{page}: {error.message}"  # noqa: PT017 - a file of the reader's own
            return
    if isinstance(command, TyperGroup):
        assert command.invoke_without_command, f"{page}: {line} lacks a command"


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target
    if page.parent == RUNBOOKS:
        assert page.name == "README.md" or f"({page.name})" in (RUNBOOKS / "README.md").read_text()
