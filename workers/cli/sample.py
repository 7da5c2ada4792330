"""`fairlead sample …`: a sample organisation, sample leads, and simulated people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workers.runtime.database import Pool

app = typer.Typer(no_args_is_help=True, help="A sample sales organisation with leads and simulated people.")

Seed = Annotated[int, typer.Option(help="Everything follows from it; the same seed gives the same organisation.")]


@app.command()
def load(
    seed: Seed = 1,
    retrain: Annotated[bool, typer.Option(help="Train the scorer again even if one is active.")] = False,
) -> None:
    """Load the sample organisation, its scorer, its opportunities, the sales that are forecast, and territories to align; may be repeated,
    and puts sample rows back as they were.
    """
    import asyncio

    from workers.cli._support import needs_database, reachable
    from workers.settings import get_settings

    dsn = reachable(get_settings().dsn)
    with needs_database():
        typer.echo(asyncio.run(_load(dsn, seed, retrain)))


async def _load(dsn: str, seed: int, retrain: bool) -> str:
    from workers.runtime.database import open_pool
    from workers.sample.loading import load as load_organisation
    from workers.sample.scorer import prepare

    pool = await open_pool(dsn)
    try:
        loaded = await load_organisation(pool, seed)
        scorer = await prepare(pool, seed, again=retrain)
        selling = await _load_selling(pool, seed)
        sales = await _load_sales(pool)
        territories = await _load_territories(pool)
        quotas = await _load_quotas(pool)
    finally:
        await pool.close()
    learned = "was active already" if scorer.auc is None else f"trained on invented history, AUC {scorer.auc:.2f}"
    return (
        f"Sample organisation: {loaded.reps} reps in {loaded.territories} territories, {loaded.accounts} accounts, "
        f"{loaded.absences} absences. Scorer {scorer.version}: {learned}. {selling} {sales} {territories} {quotas}"
    )


async def _load_selling(pool: Pool, seed: int) -> str:
    import datetime as dt

    from workers.sample.selling import load_selling

    async with pool.connection() as connection:
        sold = await load_selling(connection, seed, dt.datetime.now(dt.UTC).date())
    return f"{sold.open} open and {sold.closed} closed opportunities, win model {sold.model}."


async def _load_sales(pool: Pool) -> str:
    import datetime as dt

    from workers.engine.extras import can_forecast

    if not can_forecast():
        return "Nothing to forecast: the extra 'forecasting' is not installed."
    from workers.forecast_review.loading import load_sample

    async with pool.connection() as connection:
        organisation, stored = await load_sample(connection, dt.datetime.now(dt.UTC).date())
    months = stored.new + stored.changed + stored.same
    return f"To forecast: {organisation.name} ({organisation.id}), {months:,} months of sales."


async def _load_territories(pool: Pool) -> str:
    from workers.engine.extras import can_plan

    if not can_plan():
        return "No territories to align: the extra 'territories' is not installed."
    from workers.territory_alignment.loading import load_sample

    async with pool.connection() as connection:
        organisation = await load_sample(connection)
    return f"Territories to align: {organisation.name} ({organisation.id})."


async def _load_quotas(pool: Pool) -> str:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from workers.engine.extras import can_plan

    if not can_plan():
        return "No quotas to set: the extra 'planning' is not installed."
    from workers.quota_approval.adapters import loading
    from workers.quota_approval.domain.reviews import Organisation
    from workers.quota_approval.planning.sample import write_sample

    with TemporaryDirectory() as folder:
        write_sample(Path(folder), reps=20, seed=1)
        tables, rules, people = loading.read_folder(Path(folder))
    addresses = {group: (f"{group}@fairlead.example",) for group in ("sales-ops", "sales-directors", "sales-finance")}
    made = Organisation(
        "field", "Field sales", rules["currency"], "UTC", "US", ("crm", "erp"), addresses, rules, forecast_of=None
    )
    async with pool.connection() as connection:
        await loading.load(connection, made, tables, people)
    return f"Quotas: {made.name} ({made.id}), 20 reps, {rules['period']}."


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
