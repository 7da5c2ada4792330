"""`fairlead bench prediction`."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli._bench_support import plain_failures


def prediction(
    leads: Annotated[int, typer.Option(min=1_000, help="Of the simulation.")] = 6_000,
    weeks: Annotated[int, typer.Option(min=2, help="In which they come.")] = 8,
    seed: Annotated[int, typer.Option(help="Of leads and people.")] = 1,
) -> None:
    """Measure predicted risks and remaining times on leads of simulated people, beside the rule; fails if a target is missed.

    A PostgreSQL of its own is started on a free port in a temporary folder, and taken down after.
    """
    from workers.bench.control_room import NotUp
    from workers.bench.machine import machine
    from workers.bench.prediction import NothingLearned, bench
    from workers.cli._predict import show_figures
    from workers.settings import get_settings

    here = machine()
    with plain_failures(NotUp, NothingLearned):
        report = bench(leads, weeks, seed, get_settings().control_room.at_risk_from, typer.echo)
    typer.echo(f"{report.leads:,} leads, {report.tasks:,} tasks; {here}")
    show_figures("The model", report.figures)
    typer.echo(
        f"Trained and judged in {report.train_seconds:.1f} s; {report.open} open tasks predicted in "
        f"{report.predict_seconds:.2f} s."
    )
    for text in report.missed():
        typer.echo(f"Missed: {text}")
    raise typer.Exit(1 if report.missed() else 0)
