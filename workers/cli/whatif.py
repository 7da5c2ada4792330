"""`fairlead whatif FILE`: what a changed decision table would have done with the leads that really came."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workers.what_if.answer import WhatIf


def whatif(
    file: Annotated[
        Path,
        typer.Argument(help="A changed lead_routing_rules.dmn or lead_fallback_score.dmn."),
    ],
    last: Annotated[int, typer.Option(min=1, max=100_000, help="So many leads, the last that were routed.")] = 10_000,
    cases: Annotated[int, typer.Option(min=0, help="List so many leads that are decided otherwise.")] = 20,
    out: Annotated[Path | None, typer.Option(help="Write all of them there as CSV.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As `POST /v1/whatif` answers.")] = False,
) -> None:
    """Replay the last leads with a changed table, and compare: who would have got what. Nothing is deployed or changed.

    Camunda's own code evaluates both tables; lead routing's own rules give the leads to reps.
    """
    import asyncio

    from workers.cli._support import fail
    from workers.settings import get_settings
    from workers.what_if.asking import ask
    from workers.what_if.errors import WhatIfError

    listed = last if out is not None else cases
    try:
        table = file.read_bytes()
    except OSError as error:
        fail(f"{file} can't be read: {error.strerror}.")
    try:
        found = asyncio.run(ask(get_settings(), table, last=last, cases=listed))
    except WhatIfError as error:
        fail(str(error))
    if out is not None:
        _write(found, out)
    found = found.model_copy(update={"cases": found.cases[:cases]})
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    _print(found)
    if out is not None:
        typer.echo(f"{found.changed} cases written to {out}.")


def _write(found: WhatIf, out: Path) -> None:
    from workers.spreadsheets import write_rows
    from workers.what_if.showing import COLUMNS, case_row

    write_rows(out, COLUMNS, (case_row(case) for case in found.cases))


def _print(found: WhatIf) -> None:
    from workers.cli._support import print_table
    from workers.what_if import showing

    typer.echo(showing.headline(found))
    for text in showing.warnings(found):
        typer.echo(f"! {text}")
    for name, rows in showing.side_by_side(found):
        print_table(name, ["", "before", "after"], [list(row) for row in rows])
    print_table(
        f"Leads per rep ({showing.idle(found)} get none, before and after)",
        ["rep", "before", "after", "by turn", "fair share"],
        [list(row) for row in showing.loads(found)],
    )
    if found.cases:
        print_table(
            f"Decided otherwise: {len(found.cases)} of {found.changed}",
            ["lead", "what", "rules before", "rules after"],
            [[case.lead_id, *map("\n".join, showing.case_lines(case, found))] for case in found.cases],
        )
    for text in showing.ASSUMPTIONS:
        typer.echo(f"- {text}")
