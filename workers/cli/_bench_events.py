"""`fairlead bench events`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.cli._bench_support import measuring, write_report


def events(
    rate: Annotated[float, typer.Option(min=0.1, max=300, help="Events a second, sent at fixed times.")] = 50.0,
    seconds: Annotated[float, typer.Option(min=1, max=30, help="Length of a run.")] = 20.0,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each side, in turns.")] = 2,
    warm_ups: Annotated[int, typer.Option(min=1, help="At most so many, until Java has compiled what is hot.")] = 3,
    no_alternatives: Annotated[bool, typer.Option("--no-alternatives", help="Leave the plain ways out.")] = False,
    poll_seconds: Annotated[float, typer.Option(min=0.5, max=60, help="Between looks of the one that polls.")] = 30.0,
    out: Annotated[Path | None, typer.Option(help="Write the whole report there as JSON.")] = None,
) -> None:
    """Measure event → process start, by Kafka and by HTTP, against a plain loop and against polling; fails if the target is
    missed.

    A stack of its own with a Kafka broker is started on free ports in temporary folders, and taken down after.
    """
    import asyncio

    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed
    from workers.bench.serving import NotServed
    from workers.bench.showing import screen
    from workers.cli._support import fail, versions

    try:
        from workers.bench.events.bench import bench, stack
    except ModuleNotFoundError as error:
        fail(f"{error.name} is missing; install Fairlead with its extra 'events'.")
    from workers.bench.events.figures import Plan, Report
    from workers.bench.events.showing import as_json, show
    from workers.control_room.exported import RecordsUnavailable
    from workers.engine.errors import EngineError
    from workers.runtime.errors import PermanentError

    here, console = machine(), screen()
    report = Report(Plan(rate, seconds, rounds, warm_ups, not no_alternatives, poll_seconds))
    console.print("starting a stack of the benchmark's own (a minute or so) …")
    with measuring(NotServed, StackFailed, EngineError, RecordsUnavailable, PermanentError), stack() as settings:
        asyncio.run(bench(settings, report, console.print))
    show(report, here, console)
    if out is not None:
        write_report(out, as_json(report, here, versions("aiokafka")))
    raise typer.Exit(1 if report.met() is False else 0)
