"""`fairlead bench viewers`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli._bench_support import plain_failures, write_report

if TYPE_CHECKING:
    from workers.bench.viewers import Report


def viewers(
    viewers: Annotated[int, typer.Option(min=1, help="Pages that are open.")] = 50,
    instances: Annotated[int, typer.Option(min=1_000, help="In the read model, over 30 days.")] = 100_000,
    rate: Annotated[float, typer.Option(min=0.1, help="Leads a second, for the times.")] = 7.0,
    seconds: Annotated[float, typer.Option(min=5, help="How long, in each round; and half as long too many.")] = 80.0,
    too_much: Annotated[float, typer.Option(min=1, help="Leads a second that are more than it can do.")] = 30.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of each side, in turns.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Write the whole report there as JSON.")] = None,
) -> None:
    """Measure whether open pages of the control room slow routing down; fails if by more than 5 %.

    A stack of its own is started on free ports in a temporary folder, and taken down after. It takes about 15 minutes.
    """
    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed, own_stack
    from workers.bench.serving import NotServed
    from workers.bench.viewers import Plan, as_json, bench
    from workers.bench.viewing import NotWatched
    from workers.cli._support import versions

    here = machine()
    plan = Plan(viewers, instances, rate, seconds, too_much, rounds=rounds)
    typer.echo("starting a stack of the benchmark's own (a minute or so) …")
    with plain_failures(NotServed, NotWatched, StackFailed), own_stack() as settings:
        report = asyncio.run(bench(settings, plan, typer.echo))
    _show(report, here)
    if out is not None:
        write_report(out, as_json(report, here, versions()))
    raise typer.Exit(1 if report.missed else 0)


def _show(report: Report, here: object) -> None:
    from workers.cli._support import print_table

    rows = []
    for one in report.rounds:
        spread, saw = one.fixed.figures.from_received, one.watched
        times = ["none"] * 2 if spread is None else [f"{1000 * spread.p50:.0f}", f"{1000 * spread.p95:.0f}"]
        pages = ["", ""] if saw is None else [f"{saw.pages / saw.seconds:.1f}", f"{1000 * saw.p95:.0f}"]
        rows.append(
            [str(report.plan.viewers if saw else 0), *times, f"{one.too_much.figures.settled_per_second:.1f}",
             f"{1000 * one.fixed.cpu_per_lead:.0f}", f"{one.fixed.usage.others_cores:.1f}", *pages]
        )  # fmt: skip
    head = ["viewers", "p50 ms", "p95 ms", "settled/s", "CPU ms a lead", "other cores", "pages/s", "page p95 ms"]
    print_table(f"{report.plan.instances:,} instances, {report.plan.rate:g} leads/s; {here}", head, rows)
    typer.echo(
        f"With viewers the median lead takes {report.slower:+.1%} longer, and {-report.fewer:+.1%} are settled a second."
    )
    for text in report.missed:
        typer.echo(f"Missed: {text}")
