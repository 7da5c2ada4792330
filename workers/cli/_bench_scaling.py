"""`fairlead bench scaling`: what an instance costs with more partitions and more workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli._bench_support import measuring, write_report

if TYPE_CHECKING:
    from rich.table import Table

    from workers.bench.runtime.scaling import Report


def scaling(
    partitions: Annotated[str, typer.Option(help="Numbers of partitions, a comma between them.")] = "1,3",
    processes: Annotated[str, typer.Option("--workers", help="Numbers of worker processes, likewise.")] = "1,2,4",
    instances: Annotated[int, typer.Option(min=1, help="Of a burst.")] = 1_000,
    rounds: Annotated[int, typer.Option(min=1, help="Bursts of each; medians count.")] = 3,
    out: Annotated[Path | None, typer.Option(help="Write all bursts there as JSON.")] = None,
) -> None:
    """Measure what an instance costs with more partitions, and with more worker processes.

    For each number of partitions a stack of its own is started on free ports in a temporary folder, and taken down after.
    """
    from dataclasses import asdict

    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed
    from workers.bench.runtime.scaling import Plan, Report, bench
    from workers.bench.serving import NotServed
    from workers.bench.showing import screen

    here = machine()
    plan = Plan(_numbers("--partitions", partitions), _numbers("--workers", processes), instances, rounds)
    report, console = Report(plan), screen()
    with measuring(NotServed, StackFailed):
        bench(report, console.print)
    console.print(_table(report))
    if out is not None:
        write_report(out, {"machine": here} | asdict(report))


def _numbers(option: str, given: str) -> tuple[int, ...]:
    found = tuple(int(one) for one in given.split(",") if one.strip().isdecimal() and int(one) > 0)
    if not found or len(found) != len(given.split(",")):
        raise typer.BadParameter(f"{option} takes whole numbers above 0, a comma between them, for instance 1,3.")
    return found


def _table(report: Report) -> Table:
    from rich.table import Table

    costs = list(report.costs())
    names = [name for name in (costs[0].milliseconds if costs else {}) if name != "bench"]
    table = Table(title="Processor time for an instance of one task, in ms (medians)", title_justify="left")
    for heading in ("partitions", "workers", "instances/s", *names, "all", "others' cores"):
        table.add_column(heading, justify="right")
    for one in costs:
        table.add_row(
            str(one.partitions), str(one.workers), f"{one.throughput:.1f}",
            *(f"{one.milliseconds[name]:.1f}" for name in names), f"{one.total:.1f}", f"{one.others_cores:.2f}",
        )  # fmt: skip
    return table
