"""What the commands that measure share: failures in plain words, interruptions, reports as files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer


@contextmanager
def plain_failures(*failures: type[Exception]) -> Iterator[None]:
    """Say in a line what kept us from measuring, if it is one of these, and end with code 2."""
    try:
        yield
    except failures as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@contextmanager
def measuring(*failures: type[Exception]) -> Iterator[None]:
    """The same; an interruption leaves what was measured until then, which is to be shown."""
    with plain_failures(*failures):
        try:
            yield
        except KeyboardInterrupt:
            typer.echo("Interrupted; what was measured until now:")


def write_report(out: Path, report: Mapping[str, object]) -> None:
    """Write a report as JSON, and say where it is."""
    out.write_text(json.dumps(report, indent=2) + "\n")
    typer.echo(f"Written to {out}.")
