"""The report of `fairlead bench runtime`: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from workers.bench.figures import Spread
from workers.bench.runtime.figures import DBOS, OURS, POLLING, READING, STREAMING, Report, missed, targets

NOTHING = "–"  # noqa: RUF001 - a dash, as in any table


def as_json(report: Report, machine: Mapping[str, object], versions: Mapping[str, str]) -> dict[str, object]:
    """The whole report as plain JSON values."""
    return {
        "benchmark": "runtime",
        "machine": dict(machine),
        "versions": dict(versions),
        **asdict(report),
        "throughput": {side: report.throughput(side) for side in (OURS, STREAMING, POLLING, READING)},
        "targets": [asdict(target) for target in targets(report)],
        "missed": missed(report),
    }


def show(report: Report, machine: Mapping[str, object], console: Console) -> None:
    """Print the report."""
    plan = report.plan
    table = Table(
        title=f"One task: bursts of {plan.instances:,}, then {plan.rate:g} starts/s for {plan.seconds:g} s; "
        f"medians of {plan.rounds} rounds in turns",
        title_justify="left",
    )
    for name in ("served by", "instances/s", "p50 ms", "p95 ms", "p99 ms", "worker cpu ms/job", "resident MiB"):
        table.add_column(name, justify="left" if name == "served by" else "right", no_wrap=True)
    for side in (OURS, STREAMING, POLLING, READING):
        if report.throughput(side) is not None:
            table.add_row(*_cells(report, side))
    if report.reference:
        table.add_row(*_reference(report))
    console.print(table)
    verdicts = Table(title="Targets", title_justify="left")
    for name in ("what", "target", "measured", ""):
        verdicts.add_column(name)
    shown = {True: "[green]met[/]", False: "[red]not met[/]", None: "not measured as stated"}
    for target in targets(report):
        verdicts.add_row(target.what, target.bound, target.measured, shown[target.met])
    console.print(verdicts)
    console.print(
        "start → handler: from the time at which the start was due. A killed worker, and the broker, are started again "
        "by the supervisor.",
        style="dim",
    )
    for back in report.broker_killed:
        console.print(
            f"broker: gRPC answered {back.away:.1f} s after the kill, a command {back.replayed:.2f} s later (replay), "
            f"the next job was completed {back.next_completed:.2f} s after that.",
            style="dim",
        )
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), style="dim", highlight=False)


def _cells(report: Report, side: str) -> list[str]:
    return [
        side,
        _number(report.throughput(side)),
        *(_number(_ms(report.latency(side, share))) for share in (_p50, _p95, _p99)),
        _number(_ms(report.cpu(side)), digits=2),
        _number(report.resident(side), digits=0),
    ]


def _reference(report: Report) -> list[str]:
    return [
        DBOS,
        _number(report.reference_throughput()),
        *(_number(_ms(report.reference_latency(share))) for share in (_p50, _p95, _p99)),
        NOTHING,
        NOTHING,
    ]


def _p50(spread: Spread) -> float:
    return spread.p50


def _p95(spread: Spread) -> float:
    return spread.p95


def _p99(spread: Spread) -> float:
    return spread.p99


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _number(value: float | None, *, digits: int = 1) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
