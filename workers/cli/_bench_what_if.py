"""`fairlead bench what-if`."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli._bench_support import plain_failures


def what_if(
    leads: Annotated[int, typer.Option(min=10, help="Of the sample, routed before.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the leads.")] = 1,
) -> None:
    """Measure a what-if against asking the broker for each lead, and hold both against each other lead by lead; fails if
    a target is missed.

    A stack of its own is started on free ports in a temporary folder, and taken down after.
    """
    import asyncio

    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed
    from workers.bench.what_if import bench
    from workers.cli._support import print_table
    from workers.what_if.errors import WhatIfError

    here = machine()
    with plain_failures(StackFailed, WhatIfError):
        report = asyncio.run(bench(leads, seed, typer.echo))
    found = report.found
    broker = f"{report.one_by_one_seconds:.1f}", f"{report.broker_differs:,}"
    rows = [
        ["asking the broker, one by one", *broker, "decisions only"],
        ["what if", f"{report.seconds:.1f}", f"{found.changed:,}", "decisions, owners, figures, cases"],
    ]
    head = ["", "seconds", "decided otherwise", "what it gives"]
    print_table(f"{found.leads:,} leads, two tables; {here}", head, rows)
    failed = report.missed()
    for text in failed:
        typer.echo(f"Missed: {text}")
    raise typer.Exit(1 if failed else 0)
