"""`fairlead ops …`: what is stuck, mending it by hand or by policy, and the record of who did what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _ops_support as support
from workers.cli._ops_support import (
    AsJson,
    By,
    Case,
    Channel,
    DryRun,
    Element,
    Everything,
    Keys,
    Limit,
    Older,
    Process,
    Text,
    Why,
    Yes,
)

if TYPE_CHECKING:
    from workers.cli._ops_support import Asked, Desk
    from workers.operations.dead_letters import Settlement
    from workers.operations.model import Stuck, Wanted

app = typer.Typer(no_args_is_help=True, help="Find what is stuck, mend it, and see who did what.")
incidents = typer.Typer(
    help="List incidents, or act on them. There is no skipping: a case that shall not go on is withdrawn "
    "(`fairlead leads withdraw`), which undoes what was done."
)
dead_letters = typer.Typer(help="List what could not be delivered, or act on it.")
stuck = typer.Typer(help="List what ought to have gone on by itself, or act on it.")
app.add_typer(incidents, name="incidents")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(stuck, name="stuck")


@incidents.callback(invoke_without_command=True)
def list_incidents(
    context: typer.Context,
    element: Element = "", process: Process = "", case: Case = "", text: Text = "", older: Older = None,
    limit: Limit = 100, json: AsJson = False,
) -> None:  # fmt: skip
    """List incidents that wait for somebody, the oldest first; new ones show after some seconds."""
    if context.invoked_subcommand is not None:
        return
    from workers.operations import incidents as desk_of

    wanted = support.choice(older=older, limit=limit, element=element, process=process, business_id=case, text=text)
    found = support.run(lambda desk: desk_of.find(desk.pool, desk.board, wanted))
    support.show(found, json=json)
    if not found and not json:
        typer.echo("No incidents.")


@incidents.command("retry")
def retry_incidents(
    why: Why, keys: Keys = None,
    element: Element = "", process: Process = "", case: Case = "", text: Text = "", older: Older = None,
    limit: Limit = 1_000, everything: Everything = False,
    tries: Annotated[int, typer.Option(min=1, max=20, help="Tries that each job is given.")] = 3,
    by: By = None, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Let the engine try again, once the cause is mended."""
    from workers.operations import incidents as desk_of

    wanted = support.choice(keys, older, limit, element=element, process=process, business_id=case, text=text)
    how = support.asked(wanted, why, by, everything=everything, dry_run=dry_run, yes=yes, json=json)

    async def work(desk: Desk) -> None:
        found = await desk_of.find(desk.pool, desk.board, wanted)
        await support.act(
            "retry incidents", found, how,
            lambda actor: desk_of.retry(desk.pool, desk.engine, found, actor, tries=tries),
        )  # fmt: skip

    support.run(work)


@incidents.command("resolve")
def resolve_incidents(
    why: Why, keys: Keys = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="name=JSON, seen from the element; may be given again.")
    ] = None,
    element: Element = "", process: Process = "", case: Case = "", text: Text = "", older: Older = None,
    limit: Limit = 1_000, everything: Everything = False,
    tries: Annotated[int, typer.Option(min=1, max=20, help="Tries that each job is given.")] = 3,
    by: By = None, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Correct variables of the case, then let the engine try again."""
    from workers.operations import incidents as desk_of

    variables = support.variables(set_ or [])
    wanted = support.choice(keys, older, limit, element=element, process=process, business_id=case, text=text)
    how = support.asked(wanted, why, by, everything=everything, dry_run=dry_run, yes=yes, json=json)

    async def work(desk: Desk) -> None:
        found = await desk_of.find(desk.pool, desk.board, wanted)
        await support.act(
            "resolve incidents", found, how,
            lambda actor: desk_of.resolve(
                desk.pool, desk.board, desk.engine, found, actor, variables=variables, tries=tries
            ),
        )  # fmt: skip

    support.run(work)


@dead_letters.callback(invoke_without_command=True)
def list_dead_letters(
    context: typer.Context,
    channel: Channel = "", case: Case = "", text: Text = "", older: Older = None, limit: Limit = 100,
    settled: Annotated[bool, typer.Option("--settled", help="Also those that were given up or done by hand.")] = False,
    json: AsJson = False,
) -> None:  # fmt: skip
    """List what could not be delivered, the oldest first."""
    if context.invoked_subcommand is not None:
        return
    from workers.operations import dead_letters as desk_of

    wanted = support.choice(older=older, limit=limit, channel=channel, business_id=case, text=text)
    found = support.run(lambda desk: desk_of.find(desk.pool, wanted, settled=settled))
    support.show(found, json=json)
    if not found and not json:
        typer.echo("No dead letters.")


@dead_letters.command("retry")
def retry_dead_letters(
    why: Why, keys: Keys = None,
    channel: Channel = "", case: Case = "", text: Text = "", older: Older = None,
    limit: Limit = 1_000, everything: Everything = False,
    late: Annotated[
        bool, typer.Option("--late", help="Also where newer rows of the case went out since: it may overwrite them.")
    ] = False,
    by: By = None, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Put them back into the outbox, in their place and with the id by which the receiver knows repeats."""
    from workers.operations import dead_letters as desk_of

    wanted = support.choice(keys, older, limit, channel=channel, business_id=case, text=text)
    how = support.asked(wanted, why, by, everything=everything, dry_run=dry_run, yes=yes, json=json)

    async def work(desk: Desk) -> None:
        found = await desk_of.find(desk.pool, wanted)
        await support.act(
            "retry dead letters", found, how, lambda actor: desk_of.retry(desk.pool, found, actor, late=late)
        )

    support.run(work)


@dead_letters.command("skip")
def skip_dead_letters(
    why: Why, keys: Keys = None,
    channel: Channel = "", case: Case = "", text: Text = "", older: Older = None,
    limit: Limit = 1_000, everything: Everything = False,
    by: By = None, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Give them up: they will never be sent. They are kept, with who and why."""
    wanted = support.choice(keys, older, limit, channel=channel, business_id=case, text=text)
    _settle(wanted, support.asked(wanted, why, by, everything=everything, dry_run=dry_run, yes=yes, json=json),
            "skip dead letters", "given up")  # fmt: skip


@dead_letters.command("resolve")
def resolve_dead_letters(
    why: Why, keys: Keys = None,
    channel: Channel = "", case: Case = "", text: Text = "", older: Older = None,
    limit: Limit = 1_000, everything: Everything = False,
    by: By = None, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Mark them as done by hand, for instance entered into the CRM by a person. They are kept, with who and why."""
    wanted = support.choice(keys, older, limit, channel=channel, business_id=case, text=text)
    _settle(wanted, support.asked(wanted, why, by, everything=everything, dry_run=dry_run, yes=yes, json=json),
            "resolve dead letters", "done by hand")  # fmt: skip


@stuck.callback(invoke_without_command=True)
def list_stuck(
    context: typer.Context,
    older: Older = "10m",
    element: Element = "", process: Process = "", channel: Channel = "", case: Case = "", text: Text = "",
    limit: Limit = 100, json: AsJson = False,
) -> None:  # fmt: skip
    """List outbox rows, elements without a worker and leads that have waited too long; see also `incidents`."""
    if context.invoked_subcommand is not None:
        return
    wanted = support.choice(
        older=older, limit=limit, element=element, process=process, channel=channel, business_id=case, text=text
    )
    found = support.run(lambda desk: _find_stuck(desk, wanted))
    support.show(found, json=json)
    if not found and not json:
        typer.echo(f"Nothing has waited longer than {older}.")


@stuck.command("retry")
def retry_stuck(
    why: Why, keys: Keys = None,
    older: Older = "10m", channel: Channel = "", case: Case = "", text: Text = "",
    limit: Limit = 1_000, everything: Everything = False,
    by: By = None, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Send outbox rows now; start the process again of leads that are still as received."""
    from workers.operations import stuck as desk_of

    wanted = support.choice(keys, older, limit, channel=channel, business_id=case, text=text)
    how = support.asked(
        replace(wanted, older=None), why, by, everything=everything, dry_run=dry_run, yes=yes, json=json
    )

    async def work(desk: Desk) -> None:
        found = await desk_of.find(desk.pool, None, wanted)
        await support.act("retry stuck things", found, how, lambda actor: desk_of.retry(desk.pool, found, actor))

    support.run(work)


@stuck.command("skip")
def skip_stuck(
    why: Why, keys: Keys = None,
    older: Older = "10m", channel: Channel = "", case: Case = "", text: Text = "",
    limit: Limit = 1_000, everything: Everything = False,
    by: By = None, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Give outbox rows up, so that the rows behind them go on. They are kept among the settled dead letters."""
    from workers.operations import stuck as desk_of

    wanted = support.choice(keys, older, limit, channel=channel, business_id=case, text=text)
    how = support.asked(
        replace(wanted, older=None), why, by, everything=everything, dry_run=dry_run, yes=yes, json=json
    )

    async def work(desk: Desk) -> None:
        found = [one for one in await desk_of.find(desk.pool, None, wanted) if one.kind == "outbox"]
        await support.act("skip outbox rows", found, how, lambda actor: desk_of.skip(desk.pool, found, actor))

    support.run(work)


@app.command()
def audit(
    by: Annotated[str | None, typer.Option(help="A name, or its beginning; policy: for all policies.")] = None,
    action: Annotated[str | None, typer.Option(help="For instance incident.retry, or its beginning.")] = None,
    case: Annotated[str | None, typer.Option("--case", help="Business id.")] = None,
    since: Annotated[datetime | None, typer.Option(help="At or after (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """Who did what to which target, when, why, and what came of it; latest first."""
    from workers.operations import audit as trail
    from workers.operations import rendering

    earliest = since.replace(tzinfo=UTC) if since else None
    found = support.run(
        lambda desk: trail.entries(desk.pool, actor=by, action=action, business_id=case, since=earliest, limit=limit)
    )
    if json:
        typer.echo(rendering.as_json(found))
    elif found:
        support.console().print(rendering.trail(found))
    else:
        typer.echo("Nothing was done.")


def _settle(wanted: Wanted, how: Asked, what: str, as_: Settlement) -> None:
    from workers.operations import dead_letters as desk_of

    async def work(desk: Desk) -> None:
        found = await desk_of.find(desk.pool, wanted)
        await support.act(what, found, how, lambda actor: desk_of.settle(desk.pool, found, actor, as_))

    support.run(work)


async def _find_stuck(desk: Desk, wanted: Wanted) -> list[Stuck]:
    from workers.engine.errors import UnreachableError
    from workers.operations import stuck as desk_of

    try:
        return await desk_of.find(desk.pool, desk.board, wanted)
    except UnreachableError as error:
        typer.echo(f"{error} Only what the database knows is shown.", err=True)
        return await desk_of.find(desk.pool, None, wanted)
