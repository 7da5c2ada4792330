"""`fairlead opportunities …`: train the win model, have open opportunities ranked, see the lists."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli._cases import print_withdrawal
from workers.cli._support import database, fail, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

app = typer.Typer(no_args_is_help=True, help="Open opportunities, ranked by what acting now is worth.")

RankingId = Annotated[str, typer.Argument(help="As `rank` gave it.")]


@app.command()
def train(
    seed: Annotated[int, typer.Option(help="The same data and seed give the same model.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the whole card.")] = False,
) -> None:
    """Train the win model on closed opportunities, judge it on held-out later ones, and use it from now on."""
    from workers.opportunity_prioritisation.adapters.models import store
    from workers.opportunity_prioritisation.winning.snapshots import WinTrainingError, read_snapshots
    from workers.opportunity_prioritisation.winning.training import Trained
    from workers.opportunity_prioritisation.winning.training import train as train_model

    async def run(connection: AsyncConnection[DictRow]) -> tuple[Trained, bool]:
        trained = train_model(await read_snapshots(connection), seed=seed)
        return trained, await store(connection, trained.model, trained.card)

    try:
        trained, new = database(run)
    except WinTrainingError as error:
        fail(str(error))
    if not new and not json:
        typer.echo("This very model was trained before.")
    _show_card(trained.card, json=json)


@app.command()
def card(json: Annotated[bool, typer.Option("--json", help="Print the whole card.")] = False) -> None:
    """Show the card of the win model in use: what it was made of, and how far it can be trusted."""
    from workers.opportunity_prioritisation.adapters.models import card_of

    found = database(card_of)
    if found is None:
        fail("No win model is in use. Train one by `fairlead opportunities train`.")
    _show_card(found, json=json)


@app.command()
def rank(organisation: Annotated[str, typer.Argument(help="For instance sample_sales.")]) -> None:
    """Start the ranking of an organisation's open opportunities; it starts by itself each morning."""
    import getpass

    from workers.gateway import prioritisations

    with _plain_errors():
        prioritisation_id, asked = database(
            lambda connection: prioritisations.start(
                connection, organisation, actor=getpass.getuser(), now=datetime.now(UTC)
            )
        )
    typer.echo(f"{prioritisation_id}: {'asked for' if asked else 'was asked for before'}.")


@app.command()
def show(
    organisation: Annotated[str, typer.Argument(help="For instance sample_sales.")],
    rep: Annotated[str | None, typer.Option(help="Only this rep's list.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As `GET /v1/prioritisations/{id}` answers.")] = False,
) -> None:
    """Show the latest ranking of an organisation: each rep's list with reasons, and what came of it."""
    from workers.gateway import prioritisations
    from workers.gateway.prioritisation_contracts import PrioritisationView

    async def read(connection: AsyncConnection[DictRow]) -> PrioritisationView | None:
        newest = await prioritisations.latest(connection, organisation)
        return None if newest is None else await prioritisations.read(connection, newest, rep=rep)

    found = database(read)
    if found is None:
        fail(f"Nothing was ranked for {organisation} yet. Do so by `fairlead opportunities rank {organisation}`.")
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    print_table(
        f"{found.prioritisation_id}: {found.state}, chances from {found.chances_from}",
        ["Rep", "#", "Customer", "EUR", "Chance", "Worth now", "Do next", "Said"],
        [
            [one.rep_id, str(one.place), one.customer, f"{one.amount:,.0f}", f"{one.chance or 0:.0%}",
             f"{one.expected_value or 0:,.0f}", one.action or "", one.said or ""]
            for one in found.opportunities if one.place is not None
        ],
    )  # fmt: skip


@app.command()
def withdraw(
    prioritisation_id: RankingId,
    why: Annotated[str, typer.Option(help="Kept in the timeline; no personal data.")],
) -> None:
    """Stop a ranking at any point; the CRM gets the ranking before back."""
    import getpass

    from workers.gateway import prioritisations
    from workers.settings import get_settings

    if not why.strip() or len(why) > 500:
        fail("Say why in 1 to 500 characters.")
    ttl = get_settings().gateway.message_ttl_seconds
    with _plain_errors():
        asked = database(
            lambda connection: prioritisations.withdraw(
                connection, prioritisation_id, why, actor=getpass.getuser(), ttl_seconds=ttl
            )
        )
    print_withdrawal(asked=asked)


@contextmanager
def _plain_errors() -> Iterator[None]:
    from workers.gateway import prioritisations

    try:
        yield
    except (
        prioritisations.PrioritisationUnknown,
        prioritisations.PrioritisationOpen,
        prioritisations.PrioritisationFinished,
    ) as error:
        fail(str(error))


def _show_card(found: dict[str, Any], *, json: bool) -> None:  # Any: JSON
    if json:
        import json as library

        typer.echo(library.dumps(found, indent=2))
        return
    held_out = found["held_out"]
    typer.echo(f"{found['model']}: {found['method']}, seed {found['seed']}")
    typer.echo(
        f"Fitted to {found['fitted_to']['opportunities']:,} closed opportunities ({found['fitted_to']['won']:.0%} won)."
    )
    typer.echo(
        f"Held out: {held_out['opportunities']} later ones. AUC {held_out['auc']:.3f}, Brier {held_out['brier']:.4f} "
        f"(base rate {held_out['brier_of_base_rate']:.4f}), ECE {held_out['ece']:.3f}."
    )
    print_table(
        "Calibration on held-out opportunities",
        ["Rows", "Predicted", "Observed"],
        [[str(one["rows"]), f"{one['predicted']:.1%}", f"{one['observed']:.1%}"] for one in held_out["calibration"]],
    )
