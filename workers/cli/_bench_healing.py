"""`fairlead bench healing`."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli._bench_support import plain_failures


def healing(
    cases: Annotated[int, typer.Option(min=2, help="Jobs that fail, and leads that come in.")] = 40,
    without: Annotated[float, typer.Option(min=1, help="Seconds that each fault is looked at without healing.")] = 60.0,
) -> None:
    """Make faults with self-healing off, then on: what goes on by itself, what is healed, and how soon; fails if one is not.

    A stack of its own is started on free ports in a temporary folder, and taken down after.
    """
    import asyncio

    from workers.bench import healing as measuring
    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed, own_stack
    from workers.cli._support import print_table

    here = machine()
    typer.echo("starting a stack of the benchmark's own (a minute or so) …")
    with plain_failures(StackFailed), own_stack() as settings:
        found = asyncio.run(measuring.bench(settings, measuring.Plan(cases, without), typer.echo))
    rows = [
        [
            one.fault, str(one.cases), f"{one.without / max(1, one.cases):.0%}", f"{one.healed / max(1, one.cases):.0%}",
            *("—" if value is None else f"{value:.1f}" for value in (one.mean, one.slowest)),
        ]
        for one in found
    ]  # fmt: skip
    columns = ["fault", "cases", f"gone on in {without:g} s, off", "healed, on", "mean s", "slowest s"]
    print_table(f"Self-healing; {here}", columns, rows)
    raise typer.Exit(0 if all(one.cases and one.healed == one.cases for one in found) else 1)
