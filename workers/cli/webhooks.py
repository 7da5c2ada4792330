"""`fairlead webhooks …`: who is told by webhooks of what happens, and how that went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

app = typer.Typer(no_args_is_help=True, help="Webhooks that we send: who gets them, how it went, sending again.")

T = TypeVar("T")
_MOMENTS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]

_NAME = Annotated[str, typer.Argument(help="The subscription's name: small letters, digits, _ and -.")]


@app.callback()
def _group() -> None:
    """Webhooks that we send: who gets them, how it went, sending again."""


@app.command()
def add(
    name: _NAME,
    url: Annotated[str, typer.Argument(help="Where they are posted to; https.")],
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Of events, for instance fairlead.assigned; default: all. Again.")
    ] = None,
) -> None:
    """Tell somebody from now on. The secret that signs is shown once, unless FAIRLEAD_WEBHOOKS_OUT__SECRETS has it."""
    import asyncio

    from workers.cli._support import fail
    from workers.connectors import outbound
    from workers.connectors.outgoing import keys, subscriptions
    from workers.connectors.webhooks import UnusableSecret, standard_key
    from workers.settings import get_settings

    settings = get_settings()
    safe = keys.Safe(settings)
    given = safe.given(name)
    secret = None if given else keys.made()
    try:
        for one in given:
            standard_key(one)
        asyncio.run(outbound.judged(url, settings.webhooks_out.trusted_hosts))
    except UnusableSecret as error:
        fail(f"FAIRLEAD_WEBHOOKS_OUT__SECRETS, {name}: {error}")
    except outbound.AddressRefused as error:
        fail(f"{error} The setting is FAIRLEAD_WEBHOOKS_OUT__TRUSTED_HOSTS.")
    sealed = safe.seal(secret) if secret else None
    _do(lambda connection: subscriptions.add(connection, name, url, types or [], sealed))
    typer.echo(f"{name} is told of {', '.join(types) if types else 'everything'} from now on.")
    _show(secret)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="As a JSON array.")] = False) -> None:
    """Show all subscriptions."""
    import json

    from workers.cli._support import print_table
    from workers.connectors.outgoing import subscriptions

    found = _do(subscriptions.all_)
    shown = [
        {
            "name": one.name,
            "url": one.shown_url,
            "types": one.types,
            "enabled": one.enabled,
            "why": one.why,
            "changed_at": one.changed_at.isoformat(timespec="seconds"),
        }
        for one in found
    ]
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
    elif not shown:
        typer.echo("Nobody is told by webhooks. `fairlead webhooks add` begins.")
    else:
        print_table(
            "Webhooks", ["name", "url", "events", "", "since"],
            [[one.name, one.shown_url, ", ".join(one.types or ["all"]),
              "on" if one.enabled else f"off: {one.why}", _shown(one.changed_at)] for one in found],
        )  # fmt: skip


@app.command()
def attempts(
    name: _NAME,
    event_id: Annotated[str | None, typer.Option("--id", help="Of one event, for instance timeline:4711.")] = None,
    outcome: Annotated[str | None, typer.Option(help="delivered, again, dead or gone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=5_000, help="At most so many, the latest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON array.")] = False,
) -> None:
    """Show how sending went, the latest attempts first."""
    import json
    from dataclasses import asdict

    from workers.cli._support import print_table
    from workers.connectors.outgoing import subscriptions

    found = _do(
        lambda connection: subscriptions.attempts(connection, name, event_id=event_id, outcome=outcome, limit=limit)
    )
    if as_json:
        rows = [{key.rstrip("_"): value for key, value in asdict(one).items()} for one in found]
        typer.echo(json.dumps(rows, indent=2, default=lambda moment: moment.isoformat()))
    elif not found:
        typer.echo("No attempts.")
    else:
        print_table(
            f"Attempts for {name}", ["at", "event", "type", "case", "try", "ms", "", "answer"],
            [[_shown(one.at), one.event_id, one.type, one.business_id, str(one.try_), str(one.milliseconds),
              one.outcome, one.said] for one in found],
        )  # fmt: skip


@app.command()
def replay(
    name: _NAME,
    since: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, help="From this time on; UTC unless it says otherwise.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="Before this time; default: now.")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="One event, for instance timeline:4711.")] = None,
) -> None:
    """Send events again, with the ids that they had: of a stretch of time, or one."""
    from workers.cli._support import fail
    from workers.connectors.outgoing import subscriptions

    if (since is None) == (event_id is None):
        fail("Say either --since, or --id.")
    number = _do(
        lambda connection: subscriptions.replay(
            connection, name, since=_aware(since), until=_aware(until), event_id=event_id
        )
    )
    typer.echo(f"{number} events are sent again.")


@app.command()
def rotate(
    name: _NAME,
    keep_hours: Annotated[
        float, typer.Option(min=0, help="So long the secret of before signs too, so that nothing is refused meanwhile.")
    ] = 24.0,
) -> None:
    """Make a new secret, shown once."""
    from workers.cli._support import fail
    from workers.connectors.outgoing import keys, subscriptions
    from workers.settings import get_settings

    safe = keys.Safe(get_settings())
    if safe.given(name):
        fail(
            f"The secrets of {name} are those of FAIRLEAD_WEBHOOKS_OUT__SECRETS: add the new one there, then take the old out."
        )
    secret = keys.made()
    _do(lambda connection: subscriptions.rotate(connection, name, safe.seal(secret), keep_hours=keep_hours))
    _show(secret)


@app.command()
def disable(name: _NAME, why: Annotated[str, typer.Option(help="Shown in the list; no personal data.")]) -> None:
    """Send nothing more; what waits is taken back, and can be replayed later."""
    from workers.connectors.outgoing import subscriptions

    back = _do(lambda connection: subscriptions.disable(connection, name, why))
    typer.echo(f"{name} is told no more; {back} that waited were taken back.")


@app.command()
def enable(name: _NAME) -> None:
    """Send again from now on; what was missed is sent by `replay`."""
    from workers.connectors.outgoing import subscriptions

    _do(lambda connection: subscriptions.enable(connection, name))
    typer.echo(f"{name} is told from now on. What it missed: fairlead webhooks replay {name} --since …")


@app.command()
def remove(name: _NAME) -> None:
    """Forget a subscription, and its attempts."""
    from workers.connectors.outgoing import subscriptions

    back = _do(lambda connection: subscriptions.remove(connection, name))
    typer.echo(f"{name} is removed; {back} that waited were taken back.")


def _do(work: Callable[[AsyncConnection[DictRow]], Awaitable[T]]) -> T:
    from workers.cli._support import database, fail, needs_database
    from workers.connectors.outgoing.subscriptions import WrongSubscription

    with needs_database():
        try:
            return database(work)
        except WrongSubscription as error:
            fail(str(error))


def _show(secret: str | None) -> None:
    if secret is not None:
        typer.echo(f"Its secret, which is not shown again: {secret}")


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
