"""What the commands about reviews and alignments print alike: the head, the timeline, the withdrawal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

import typer

from workers.cli._support import print_table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Line(Protocol):
    """A case in a list."""

    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def asked_by(self) -> str: ...
    @property
    def opened_at(self) -> datetime: ...
    @property
    def closed_at(self) -> datetime | None: ...


class Entry(Protocol):
    """An entry of a timeline."""

    @property
    def at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def why(self) -> str: ...


Found = TypeVar("Found")


def found_or_exit(found: Found | None, what: str, case_id: str, listing: str) -> Found:
    """What was found; a message and exit code 1 if nothing was. `listing` is the command that lists all."""
    if found is None:
        typer.echo(
            f"No {what} {case_id} was opened; `{listing}` shows those there are. One that was asked for just now is opened "
            "when the engine and the workers run (`fairlead status`).",
            err=True,
        )
        raise typer.Exit(1)
    return found


def print_json(found: DataclassInstance) -> None:
    """For programs."""
    import json

    typer.echo(json.dumps(asdict(found), default=str, indent=2))


def print_head(case_id: str, line: Line) -> None:
    """Two lines: how it stands, and since when."""
    closed = f", ended {line.closed_at:%Y-%m-%d %H:%M}" if line.closed_at else ""
    typer.echo(f"{case_id}: {line.state}; {line.reason}, asked by {line.asked_by}")
    typer.echo(f"opened {line.opened_at:%Y-%m-%d %H:%M}{closed}")


def print_timeline(entries: Iterable[Entry]) -> None:
    """All that happened."""
    told = [[f"{one.at:%m-%d %H:%M:%S}", one.actor, one.action, one.why] for one in entries]
    print_table("What happened", ["when", "who", "what", "why"], told)


def print_withdrawal(*, asked: bool) -> None:
    """Whether this call asked for it."""
    typer.echo("The withdrawal is asked for." if asked else "The withdrawal was asked for before.")
