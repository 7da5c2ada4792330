"""`fairlead chaos`: the full local stack hurt at random, and a checker that looks at every lead afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def chaos(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long it is hurt.")] = 3.0,
    seed: Annotated[int, typer.Option(help="The schedule follows from it; the same seed gives the same schedule.")] = 1,
    faults: Annotated[int | None, typer.Option(min=1, help="How many; default: 16 a minute.")] = None,
    rate: Annotated[float, typer.Option(min=1, help="Leads a minute, on average.")] = 60.0,
    canary: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of the leads that a second version of lead routing gets; 0: there is one."
        ),
    ] = 0.0,
    show: Annotated[bool, typer.Option("--show", help="Print the schedule and do nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the whole report there as JSON.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Copy logs and ledger of the run into this folder before they are removed.")
    ] = None,
) -> None:
    """Start a stack of its own, hurt it while leads come in, heal it, and check that nothing is lost, double or left over.

    The schedule is printed beforehand. Exit code 1: something does not add up; each violation names lead, rule and
    evidence. Exit code 2: the stack did not start.
    """
    import asyncio
    import contextlib
    import json
    import logging
    import shutil

    import structlog

    from workers.bench.own_stack import StackFailed, own_place
    from workers.chaos import report, schedule
    from workers.chaos.run import LEDGER, Outcome, Plan, run
    from workers.engine.errors import EngineError

    planned = schedule.make(seed, minutes, faults)
    typer.echo(f"Schedule of seed {seed}: {len(planned.faults)} faults in {minutes:g} minutes.")
    for line in planned.lines():
        typer.echo(line)
    if show:
        raise typer.Exit
    # That database and gateway are away is what is wanted here: no line for each time.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    plan = Plan(planned, rate, canary=canary)
    outcome = Outcome(plan)
    with own_place("fairlead-chaos-", FAIRLEAD_CAMUNDA__CLOCK_CONTROLLED="true") as settings:
        try:
            typer.echo("Starting a stack of its own (a minute or so) …")
            asyncio.run(run(settings, plan, outcome, typer.echo))
        except (EngineError, StackFailed) as error:
            typer.secho(str(error), fg=typer.colors.RED, err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            typer.echo("Interrupted; everything is stopped.")
        finally:
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(OSError):
                    shutil.copytree(settings.home / "logs", keep / "logs", dirs_exist_ok=True)
                    shutil.copy(settings.home / LEDGER, keep)
    for line in report.lines(outcome):
        typer.echo(line)
    if out is not None:
        out.write_text(json.dumps(report.as_json(outcome), indent=2) + "\n")
        typer.echo(f"Written to {out}.")
    raise typer.Exit(0 if outcome.clean else 1)
