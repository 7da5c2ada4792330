"""The benchmark's report: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from workers.bench.events.figures import FIXED, TARGET_P99_SECONDS, TARGET_RATE, Report, Run
from workers.bench.figures import Spread
from workers.bench.showing import conclude

NONE = "–"  # noqa: RUF001 - a dash, as in any table


def as_json(report: Report, machine: Mapping[str, object], versions: Mapping[str, str]) -> dict[str, object]:
    """The whole report as plain JSON values."""
    return {
        "benchmark": "events",
        "machine": dict(machine),
        "versions": dict(versions),
        "plan": asdict(report.plan),
        "runs": [asdict(run) | {"cpu_seconds_per_event": run.cpu_per_event} for run in report.runs],
        "target": {
            "what": f"event → process start p99 < {TARGET_P99_SECONDS} s at {TARGET_RATE:g}/s",
            "met": report.met(),
        },
    }


def show(report: Report, machine: Mapping[str, object], console: Console) -> None:
    """Print the report."""
    table = Table(title="Event → process start", title_justify="left")
    for name in (
        "side",
        "rate",
        "started",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "DB p99",
        "engine p99",
        "cpu ms",
        "others",
    ):
        table.add_column(name, justify="left" if name == "side" else "right", no_wrap=True)
    for run in report.runs:
        table.add_row(*_cells(run))
    console.print(table)
    console.print(
        "DB, engine: the two legs of ours, to the database and from there to the engine; cpu ms: processor time of all programs for an event; others: cores "
        "that something else kept busy.",
        style="dim",
    )
    conclude(console, f"Target p99 < {1000 * TARGET_P99_SECONDS:g} ms at {TARGET_RATE:g}/s", report.met(), machine)


def _cells(run: Run) -> list[str]:
    latency = run.latency
    times = (latency.p50, latency.p95, latency.p99) if latency else (None,) * 3
    return [
        run.side if run.purpose == FIXED else f"{run.side}, {run.purpose}",
        f"{run.rate:g}",
        f"{run.started}/{run.sent}",
        *(NONE if value is None else f"{1000 * value:.0f}" for value in times),
        _tail(run.to_database),
        _tail(run.to_engine),
        f"{1000 * run.cpu_per_event:.0f}",
        f"{run.usage.others_cores:.1f}",
    ]


def _tail(spread: Spread | None) -> str:
    return NONE if spread is None else f"{1000 * spread.p99:.0f}"
