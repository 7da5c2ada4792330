"""What the commands of `fairlead territory` share: reading, keeping and finding plans, tables and files."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from workers.cli._support import database, plainly, print_table
from workers.cli._versions import LATEST, Shelf
from workers.spreadsheets import write_frame

if TYPE_CHECKING:
    import pandas as pd

    from workers.territory_alignment.solving.organisation import Weights
    from workers.territory_alignment.solving.plan import Plan
    from workers.territory_alignment.solving.running import Progress

SHELF = Shelf("territories", ".territories")
SHARES = frozenset(
    {"work_off", "potential_off", "highest_load", "lowest_load", "changed_share", "relationships_lost", "gap"}
)
COUNTS = frozenset({"accounts", "without_owner", "over_limit", "changed_hands", "islands", "potential_moved"})


@contextmanager
def plain_errors() -> Iterator[None]:
    """See `_support.plainly`."""
    from workers.territory_alignment.solving.errors import TerritoryError

    with plainly(TerritoryError, extra="territories", offline=f"name a {SHELF.ending} file"):
        yield


def weights(text: str | None) -> Weights:
    """``travel=2,contiguity=1`` over the defaults. Raises InputError."""
    from dataclasses import fields

    from workers.territory_alignment.solving.errors import InputError
    from workers.territory_alignment.solving.organisation import Weights

    known = [field.name for field in fields(Weights)]
    chosen: dict[str, float] = {}
    for part in filter(str.strip, (text or "").split(",")):
        name, _, value = part.partition("=")
        with suppress(ValueError):
            chosen[name.strip()] = float(value)
        if name.strip() not in known or name.strip() not in chosen:
            raise InputError(f"{part!r} is no weight; write {known[0]}=1,{known[2]}=2; there are {', '.join(known)}")
    return Weights(**chosen)


def pairs(texts: Sequence[str] | None, example: str = "ACCOUNT=REP") -> list[tuple[str, str]]:
    """Two parts with ``=`` between them, each. Raises InputError."""
    from workers.territory_alignment.solving.errors import InputError

    found = []
    for text in texts or []:
        account, _, rep = text.partition("=")
        if not account or not rep:
            raise InputError(f"{text!r} is no pair; write for instance {example}")
        found.append((account, rep))
    return found


def people(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """``GROUP=ADDRESS``, each. Raises InputError."""
    found: dict[str, tuple[str, ...]] = {}
    for group, address in pairs(texts, "sales-ops=ops@example.com"):
        found[group] = (*found.get(group, ()), address)
    return found


@contextmanager
def searching() -> Iterator[Callable[[Progress], None]]:
    """A line on standard error that says where the search is.

    Meanwhile nothing goes to the standard output of the process: HiGHS has a line or two that no option turns off.
    """
    from rich.console import Console

    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    with Console(stderr=True).status("reading …") as status:

        def tell(step: Progress) -> None:
            status.update(
                f"{step.seconds:.1f} s, {step.stage}: score {step.value:.3f}, bound {step.bound:.3f}, gap {step.gap:.2%}"
            )

        try:
            yield tell
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            os.close(nowhere)


def keep(plan: Plan, out: Path | None, *, store: bool) -> Path:
    """Write a plan to a folder, and to the database if asked; the file's path."""
    file = SHELF.keep(plan, out)
    if store:
        from workers.territory_alignment.solving.store import save

        database(lambda conn: save(conn, plan))
    return file


def find(version: str) -> Plan:
    """A plan by file, from the folder, or else from the database. Raises NoPlanError."""
    from workers.territory_alignment.solving.errors import NoPlanError
    from workers.territory_alignment.solving.plan import Plan
    from workers.territory_alignment.solving.store import load

    content = SHELF.find(version)
    if content is not None:
        return Plan.from_bytes(content)
    if version == LATEST:
        raise NoPlanError("there is no plan here yet; make one with `fairlead territory solve`")
    return database(lambda conn: load(conn, version))


def versions() -> list[list[str]]:
    """Rows of version, when made, score, gap and where it is kept, the newest first."""
    import psycopg

    from workers.territory_alignment.solving.plan import Plan
    from workers.territory_alignment.solving.store import list_plans

    found = [
        (dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC), Plan.from_bytes(file.read_bytes()).card, str(file))
        for file in SHELF.files()
    ]
    try:
        found += [(one.made_at, one.card, "database") for one in database(list_plans)]
    except psycopg.OperationalError:
        typer.echo("The database can't be reached; plans kept in this folder:", err=True)
    return [
        [
            str(card["version"]),
            f"{made:%Y-%m-%d %H:%M}",
            shown("score", card["score"]),
            shown("gap", card["gap"]),
            where,
        ]
        for made, card, where in sorted(found, key=lambda one: one[0], reverse=True)
    ]


def shown(name: str, value: object) -> str:
    """A figure as people write it."""
    if not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN: pandas' word for nothing
        return ""
    if name in SHARES:
        return f"{value:.2%}"
    return f"{value:,.0f}" if name in COUNTS else f"{value:,.3f}"


def print_compared(table: pd.DataFrame, title: str) -> None:
    """Figures of scenarios, side by side."""
    from workers.territory_alignment.solving.comparing import WORDS

    body = [[WORDS.get(str(name), str(name)), *(shown(str(name), value) for value in row)] for name, row in zip(table.index, table.to_numpy(), strict=True)]  # fmt: skip
    print_table(title, ["", *map(str, table.columns)], body)


def show(plan: Plan, *, rows: int, rep: Sequence[str] | None) -> None:
    """The figures of a plan and its reps; or the accounts of some reps."""
    from workers.territory_alignment.solving.comparing import compare
    from workers.territory_alignment.solving.errors import NoPlanError

    for name in rep or []:
        mine = plan.accounts[(plan.accounts["rep"] == name) | (plan.accounts["owner"] == name)]
        if name not in set(plan.reps["rep"]):
            raise NoPlanError(f"{plan.version} has no rep {name!r}")
        body = [[one["account"], one["owner"], one["rep"], f"{one['km']:,.0f}", f"{one['workload']:,.1f}", f"{one['potential']:,.0f}", one["why"]] for one in mine.to_dict("records")]  # fmt: skip
        print_table(f"{name} in {plan.version}", ["account", "today", "rep", "km", "hours", "potential", "why"], body)
    if rep:
        return
    print_compared(compare([plan]), plan.version)
    typer.echo(str(plan.card["proven"]))
    fullest = plan.reps.assign(full=plan.reps["load"] / plan.reps["capacity"]).sort_values("full", ascending=False)
    body = [[one["rep"], f"{one['accounts']}", f"+{one['gained']} -{one['lost']}", f"{one['load']:,.0f}", f"{one['full']:.0%}", f"{one['potential']:,.0f}", f"{one['potential'] / max(one['even_potential'], 1e-12):.0%}"] for one in fullest.head(rows).to_dict("records")]  # fmt: skip
    more = f"; {len(fullest) - rows} more with --rows" if len(fullest) > rows else ""
    print_table(
        f"Reps, the fullest first{more}",
        ["rep", "accounts", "change", "hours", "of capacity", "potential", "of even"],
        body,
    )


def export(plan: Plan, *, csv: Path | None, chart: Path | None, others: Sequence[Plan] = ()) -> None:
    """Write the files that were asked for."""
    if csv is not None:
        write_frame(csv, plan.accounts)
    if chart is not None:
        from workers.territory_alignment.solving import charts

        chart.write_bytes(charts.png(plan, others=others))
    for file in (csv, chart):
        if file is not None:
            typer.echo(f"Written to {file}.", err=True)
