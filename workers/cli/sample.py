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
