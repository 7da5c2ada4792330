"""`fairlead readmodel predict …`: remaining times and risks of open cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.control_room.foresight import Card, Figures, Foresight

app = typer.Typer(no_args_is_help=True, help="Remaining times and risks of open cases, and the model behind them.")


@app.callback()
def _group() -> None:
    """Remaining times and risks of open cases, and the model behind them."""


@app.command()
def run(
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /healthz and /readyz there; default: ports.predictor_metrics.")
    ] = None,
) -> None:
    """Predict all open cases, tell whom the table of attention names, train now and then; until SIGTERM."""
    import asyncio

    from workers.cli._support import fail, port_refused
    from workers.runtime import logs
    from workers.settings import get_settings

    settings = get_settings()
    logs.configure(settings)
    try:
        from workers.control_room.prediction.serving import serve
    except ModuleNotFoundError as error:
        fail(f"{error.name} is missing; install Fairlead with its extra 'scoring'.")
    port = settings.ports.predictor_metrics if metrics_port is None else metrics_port
    try:
        asyncio.run(serve(settings, port))
    except OSError as error:
        port_refused(port, error)


@app.command()
def train() -> None:
    """Train now; the new model is used only if it is better than the one in use and than the rule, on newer tasks."""
    import asyncio

    from workers.cli._support import fail, reachable
    from workers.settings import get_settings

    settings = get_settings()
    reachable(settings.dsn)
    try:
        from workers.control_room.prediction.child import train_apart
    except ModuleNotFoundError as error:
        fail(f"{error.name} is missing; install Fairlead with its extra 'scoring'.")
    answer = asyncio.run(train_apart(settings))
    if answer.outcome is None or answer.outcome == "failed":
        fail(answer.why)
    typer.echo(f"{answer.outcome[0].upper()}{answer.outcome[1:]}: {answer.why}")


@app.command()
def show(cases: Annotated[int, typer.Option(min=0, help="List so many cases that need attention.")] = 20) -> None:
    """The model in use with its error, what became of the last trainings, and what needs attention."""
    from workers.cli._support import database, needs_database
    from workers.control_room import foresight

    async def read(connection: AsyncConnection[DictRow]) -> tuple[Foresight, Card, list[DictRow]]:
        found = await foresight.attention(connection, most=cases)
        return await foresight.state(connection), await foresight.card(connection), found

    with needs_database():
        state, card, found = database(read)
    _show_state(state)
    if card.figures is not None:
        show_figures(str(card.version), card.figures)
    if card.trainings:
        _show_trainings(card.trainings)
    if found:
        _show_cases(found)


def _show_state(state: Foresight) -> None:
    if state.model is None:
        typer.echo(f"The rule holds: {state.problem}")
    else:
        typer.echo(f"{state.model} predicts; last at {state.predicted_at:%Y-%m-%d %H:%M:%S %Z}.")
    if state.attention_problem is not None:
        since = f"{state.attended_at:%Y-%m-%d %H:%M:%S %Z}" if state.attended_at else "never"
        typer.echo(f"The table of attention answered last: {since}. {state.attention_problem}")


def show_figures(version: str, found: Figures) -> None:
    """How good a model is, beside the rule."""
    from workers.cli._support import print_table

    title = f"{version} on {found.tasks:,} newer tasks, {found.moments:,} moments, {found.late:.1%} of the tasks late"
    print_table(
        title,
        ["", "model", "rule, as a share", "rule, yes or no", "base rate"],
        [
            [name, *(f"{value:.4f}" for value in (side.model, side.shares, side.rule, side.base))]
            for name, side in (("Brier score", found.brier), ("calibration error", found.ece))
        ],
    )
    if found.pinball is not None and found.usual is not None and found.coverage is not None:
        typer.echo(
            f"Remaining time: quantile loss {found.pinball:,.0f} s, what is usual {found.usual:,.0f} s; {found.coverage:.1%}"
            " within the interval of 80 %."
        )
    for name, one in ((f"model, from {found.at_risk_from:.0%} on", found.warned), ("rule", found.warned_by_rule)):
        typer.echo(
            f"Warned by the {name}: {one.caught:.1%} of those that ran over, {one.early:.1%} with half of the time left; "
            f"{one.right:.1%} of the warnings were right."
        )


def _show_trainings(found: tuple[DictRow, ...]) -> None:
    from workers.cli._support import print_table

    rows = [[f"{one['at']:%Y-%m-%d %H:%M}", one["outcome"], one["why"]] for one in found]
    print_table("Trainings, the last first", ["at (UTC)", "outcome", "why"], rows)


def _show_cases(found: list[DictRow]) -> None:
    from workers.cli._support import print_table
    from workers.control_room.rendering import duration, percent

    rows = [
        [
            one["level"], one["called"] or one["element"], one["case_id"] or str(one["instance_key"]), percent(one["risk"]),
            f"{one['due_at']:%Y-%m-%d %H:%M}", duration(one["middle"]), "; ".join(one["speaks_for"]) or one["level_why"],
        ]
        for one in found
    ]  # fmt: skip
    head = ["level", "task", "case", "risk", "due (UTC)", "remaining", "why"]
    print_table(f"{found[0]['total']} cases need attention", head, rows)
