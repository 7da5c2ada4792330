"""`fairlead bench planning` and `fairlead bench study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli._bench_support import plain_failures, write_report
from workers.cli._support import print_table, versions

if TYPE_CHECKING:
    from workers.bench.planning import Outcome
    from workers.bench.planning_quotas import QuotaFigures


def planning(
    instance: Annotated[
        list[str] | None,
        typer.Option(
            help="REPSxACCOUNTS:SECONDS; c, d or e before it: the assignment problem of that type. Repeatable."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the instances and the search.")] = 1,
    no_alternatives: Annotated[
        bool, typer.Option("--no-alternatives", help="Leave plain HiGHS and CP-SAT out.")
    ] = False,
    quota_reps: Annotated[
        int, typer.Option(min=0, help="Plan quotas of a sample of so many reps too; 0: none.")
    ] = 2_000,
    out: Annotated[Path | None, typer.Option(help="Write the whole report there as JSON.")] = None,
) -> None:
    """Measure the solver against a plain MIP with HiGHS and CP-SAT (if ortools is installed), and quotas, in one run.

    Each side has a process of its own, the same model and the same time. Fails if a target is missed.
    """
    from workers.bench.machine import machine
    from workers.cli import _territory_support as support

    with support.plain_errors():
        from workers.bench.planning import DEFAULT, as_json, bench, missing
        from workers.bench.planning_cases import case_of
        from workers.bench.planning_quotas import bench_quotas

        cases, here = [case_of(text, seed) for text in instance or DEFAULT], machine()
        if not no_alternatives and (text := missing()):
            typer.echo(text)
        outcomes = bench(cases, alternatives=not no_alternatives, say=typer.echo, done=_show_outcome)
        quotas = bench_quotas(quota_reps, seed) if quota_reps else None
    judged = [one for outcome in outcomes for one in outcome.judged()]
    if quotas is not None:
        judged += _show_quotas(quotas)
    typer.echo(f"Measured on {here}")
    if out is not None:
        write_report(out, as_json(outcomes, quotas, here, versions("scipy", "numba", "ortools")))
    raise typer.Exit(0 if all(met for _, met in judged) else 1)


def study(
    task: Annotated[list[str] | None, typer.Option(help="Only this one; can be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of both ways.")] = 2,
    use_running: Annotated[
        bool, typer.Option("--use-running", help="Measure the stack that runs here, not one of the benchmark's own.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the whole report there as JSON.")] = None,
) -> None:
    """Measure the four tasks of a published study: by scripts that are run by hand, and by the process.

    Without --use-running a stack of its own is started on free ports in a temporary folder, and taken down after.
    """
    import asyncio
    import contextlib
    from dataclasses import asdict

    from workers.bench.machine import machine
    from workers.bench.own_stack import StackFailed, own_stack
    from workers.bench.serving import NotServed
    from workers.cli import _territory_support as support
    from workers.settings import get_settings

    with support.plain_errors():
        from workers.bench.study.bench import bench
        from workers.bench.study.cases import CASES, NotDone

    if unknown := set(task or []) - {case.name for case in CASES}:
        typer.echo(f"There is no task {min(unknown)!r}; there are {', '.join(case.name for case in CASES)}.")
        raise typer.Exit(2)
    chosen = [case for case in CASES if not task or case.name in task]
    here = machine()
    with (
        plain_failures(NotDone, NotServed, StackFailed),
        contextlib.nullcontext(get_settings()) if use_running else own_stack() as settings,
    ):
        turns = asyncio.run(bench(settings, chosen, rounds, typer.echo))
    rows = [
        [turn.case.name, f"{turn.case.study[0]} → {turn.case.study[1]}", f"{min(turn.by_hand):.1f}", str(turn.scripts), f"{min(turn.orchestrated):.1f}", turn.case.what]
        for turn in turns
    ]  # fmt: skip
    head = ["task", "study", "by hand, s", "scripts", "orchestrated, s", "from what until when"]
    print_table(f"Best of {rounds}; {here}", head, rows)
    if out is not None:
        found = [{"task": turn.case.name, "study": turn.case.study, **{name: value for name, value in asdict(turn).items() if name != "case"}} for turn in turns]  # fmt: skip
        write_report(out, {"benchmark": "study", "machine": here, "tasks": found})


def _show_outcome(outcome: Outcome) -> None:
    """One table an instance, and each target beside what was reached."""
    from workers.bench.planning import own_gap
    from workers.cli._territory_support import shown

    rows = [
        [side.name, "" if side.answer.first is None else f"{side.answer.first:.1f}", f"{side.seconds:.1f}", f"{side.cpu_seconds:.1f}", *(shown("value", value) for value in (side.answer.value, side.answer.bound)), *(shown("gap", value) for value in (own_gap(side), outcome.above(side))), f"{side.peak_mib:,.0f}"]
        for side in outcome.sides
    ]  # fmt: skip
    head = ["side", "first s", "seconds", "CPU s", "score", "own bound", "own gap", "above the LP", "peak MiB"]
    print_table(outcome.case.name, head, rows)
    _show_judged(outcome.judged())


def _show_quotas(found: QuotaFigures) -> list[tuple[str, bool]]:
    """What was measured of quotas; the target, if it speaks of so many reps."""
    row = [f"{found.rows:,}", *(f"{value:.1f}" for value in (found.reading_seconds, found.planning_seconds, found.cpu_seconds)), f"{found.peak_mib:,.0f}"]  # fmt: skip
    head = ["rows read", "reading s", "planning s", "CPU s", "peak MiB"]
    print_table(f"Quotas of {found.reps:,} reps in {found.levels} levels", head, [row])
    judged = [found.judged] if found.judged else []
    _show_judged(judged)
    return judged


def _show_judged(judged: list[tuple[str, bool]]) -> None:
    for text, met in judged:
        typer.echo(f"{'Met' if met else 'Missed'}: {text}")
