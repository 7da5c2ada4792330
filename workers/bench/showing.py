"""The benchmark's report: a table with targets for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from workers.bench.figures import TARGET_P99_SECONDS, TARGET_RATE
from workers.bench.lead_routing import OURS, PLAIN, Report, Run

WIDTH = 130
"""Of the table where the output has no width, in a file or a pipe."""


def screen() -> Console:
    """Where to print: as wide as the terminal, or wide enough for the table."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def as_json(report: Report, machine: Mapping[str, object], versions: Mapping[str, str]) -> dict[str, object]:
    """The whole report as plain JSON values."""
    middle = report.middle(OURS)
    return {
        "benchmark": "lead-routing",
        "machine": dict(machine),
        "versions": dict(versions),
        "plan": asdict(report.plan),
        "runs": [asdict(run) | {"cpu_seconds_per_lead": run.cpu_per_lead} for run in report.runs],
        "highest_rate_held": {side: report.highest(side) for side in (OURS, PLAIN)},
        "target": {
            "what": f"received → assigned p99 < {TARGET_P99_SECONDS} s at {TARGET_RATE:g} leads/s",
            "met": target_met(report),
            "p99_seconds": middle.figures.from_received.p99 if middle and middle.figures.from_received else None,
        },
    }


def target_met(report: Report) -> bool | None:
    """Whether every run of ours at the target rate met the target; None if there was none at that rate or above."""
    runs = [run for run in report.fixed(OURS) if run.figures.rate >= TARGET_RATE]
    return all(run.figures.meets_target and run.figures.held for run in runs) if runs else None


def show(report: Report, machine: Mapping[str, object], console: Console) -> None:
    """Print the report."""
    table = Table(title="Lead routing, received → assigned (leads that needed no person)", title_justify="left")
    for name in (
        "served by",
        "leads/s",
        "settled/s",
        "p50 s",
        "p95 s",
        "p99 s",
        "longest s",
        "backlog",
        "held",
        "cpu ms/lead",
        "others",
    ):
        table.add_column(name, justify="left" if name == "served by" else "right", no_wrap=True)
    for run in report.runs:
        table.add_row(*_cells(run))
    console.print(table)
    if report.plan.find_max:
        for side in (OURS, PLAIN) if report.plan.alternative else (OURS,):
            rate = report.highest(side)
            console.print(f"Highest rate held by {side}: {f'{rate:g} leads/s' if rate else 'none that was tried'}.")
    console.print(
        "warm-up: the first minutes after a start, in which Java compiles; cpu ms/lead: processor time of all programs; others: cores that something else kept busy.",
        style="dim",
    )
    what = f"Target p99 < {TARGET_P99_SECONDS} s at {TARGET_RATE:g} leads/s (36,000 an hour)"
    conclude(console, what, target_met(report), machine)


def conclude(console: Console, what: str, met: bool | None, machine: Mapping[str, object]) -> None:
    """Print whether a target was met (None: nothing was measured at its rate), and on which machine."""
    verdict = {True: "[green]met[/]", False: "[red]not met[/]", None: "not measured at this rate"}[met]
    console.print(f"{what}: {verdict}.")
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), style="dim", highlight=False)


def _cells(run: Run) -> list[str]:
    found = run.figures
    spread = found.from_received
    times = [f"{value:.3f}" for value in (spread.p50, spread.p95, spread.p99, spread.longest)] if spread else ["–"] * 4  # noqa: RUF001 - a dash, as in any table
    return [
        run.side if run.purpose == "fixed rate" else f"{run.side}, {run.purpose}",
        f"{found.rate:g}",
        f"{found.settled_per_second:.1f}",
        *times,
        str(found.backlog_at_end),
        "yes" if found.held else "no",
        f"{run.cpu_per_lead * 1000:.0f}",
        f"{run.usage.others_cores:.1f}",
    ]
