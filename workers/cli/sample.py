"""`fairlead sample …`: a sample organisation, sample leads, and simulated people."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="A sample sales organisation with leads and simulated people.")

Seed = Annotated[int, typer.Option(help="Everything follows from it; the same seed gives the same organisation.")]


@app.command()
def load(
    seed: Seed = 1,
    retrain: Annotated[bool, typer.Option(help="Train the scorer again even if one is active.")] = False,
) -> None:
    """Load the sample organisation and train its scorer; may be repeated, and puts sample rows back as they were."""
    import asyncio

    typer.echo(asyncio.run(_load(seed, retrain)))


async def _load(seed: int, retrain: bool) -> str:
    from workers.runtime.database import open_pool
    from workers.sample.loading import load as load_organisation
    from workers.sample.scorer import prepare
    from workers.settings import get_settings

    pool = await open_pool(get_settings().dsn)
    try:
        loaded = await load_organisation(pool, seed)
        scorer = await prepare(pool, seed, again=retrain)
    finally:
        await pool.close()
    learned = "was active already" if scorer.auc is None else f"trained on invented history, AUC {scorer.auc:.2f}"
    return (
        f"Sample organisation: {loaded.reps} reps in {loaded.territories} territories, {loaded.accounts} accounts, "
        f"{loaded.absences} absences. Scorer {scorer.version}: {learned}."
    )


@app.command()
def run(
    rate: Annotated[float, typer.Option(min=0.1, max=600, help="Leads a minute, on average.")] = 6.0,
    seed: Seed = 1,
    no_people: Annotated[bool, typer.Option("--no-people", help="Nobody answers: all tasks wait for you.")] = False,
    left_alone: Annotated[
        int, typer.Option(min=0, help="Newest tasks of each group that simulated people never touch.")
    ] = 5,
) -> None:
    """Feed sample leads and let simulated people answer most tasks, until SIGTERM or Ctrl-C; goes on where it stopped."""
    import asyncio

    from workers.runtime import logs
    from workers.sample.running import Plan
    from workers.sample.running import run as run_sample
    from workers.settings import get_settings

    settings = get_settings()
    logs.configure(settings)
    asyncio.run(run_sample(settings, Plan(rate, seed, not no_people, left_alone)))
