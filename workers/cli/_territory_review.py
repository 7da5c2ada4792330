"""`fairlead territory load|history` and `fairlead territory review …`: organisations, and alignments of their territories."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workers.cli import _cases as cases
from workers.cli import _territory_support as support
from workers.cli._support import database, print_table

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.territory_alignment.adapters.overview import AlignmentStory
    from workers.territory_alignment.domain.organisation import Organisation

app = typer.Typer(no_args_is_help=True, help="Start alignments of territories, and see how they go.")


def load(
    organisation: Annotated[str, typer.Argument(help="Its id: small letters, digits and _.")],
    accounts: Annotated[Path, typer.Option(help="CSV file of accounts; columns are in docs/territory.md.")],
    reps: Annotated[Path, typer.Option(help="CSV file of reps.")],
    rules: Annotated[Path | None, typer.Option(help="CSV file of rules.")] = None,
    regions: Annotated[Path | None, typer.Option(help="CSV file: region, manager (log-in), email.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of potentials, ISO 4217.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name; at first UTC.")] = None,
    holidays: Annotated[str | None, typer.Option(help="Country of the public holidays; at first US.")] = None,
    weights: Annotated[str | None, typer.Option(help="Such as travel=2,continuity=1; see `solve`.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Of a search; at first 60.")] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Where territories are published: crm, routing; at first both.")
    ] = None,
    people: Annotated[
        list[str] | None,
        typer.Option("--people", help="GROUP=ADDRESS, for instance sales-ops=ops@example.com; can be repeated."),
    ] = None,
) -> None:
    """Load an organisation with accounts, reps and rules, for alignments by people; may be repeated, and replaces rows."""
    with support.plain_errors():
        from dataclasses import asdict

        from workers.territory_alignment import loading

        wishes = loading.Wishes(
            name=name,
            currency=currency,
            timezone=timezone,
            holidays=holidays,
            weights=asdict(support.weights(weights)) if weights else None,
            seconds=seconds,
            targets=tuple(target) if target else None,
            people=support.people(people) if people else None,
        )
        tables = {
            "accounts": loading.read_rows(accounts, "accounts"),
            "reps": loading.read_rows(reps, "reps"),
            "rules": loading.read_rows(rules, "rules") if rules else [],
        }
        found = loading.read_regions(regions) if regions else []

        async def write(connection: AsyncConnection[DictRow]) -> Organisation:
            return await loading.load(connection, organisation, wishes, tables=tables, regions=found)

        loaded = database(write)
    typer.echo(
        f"{loaded.name} ({loaded.id}): {len(tables['accounts']):,} accounts, {len(tables['reps'])} reps and "
        f"{len(tables['rules'])} rules are stored.\n"
        f"Start an alignment by `fairlead territory review start {loaded.id}`, or on Tasklist's page Processes."
    )


def history(
    organisation: Annotated[str, typer.Argument(help="Its id.")],
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 30,
) -> None:
    """List the versions that were put down for approval, the newest first, and what became of them."""
    from workers.territory_alignment.adapters import overview

    with support.plain_errors():
        found = database(lambda connection: overview.history(connection, organisation, limit))
    if not found:
        typer.echo("There is no version yet; ask for an alignment by `fairlead territory review start`.")
        return
    body = [
        [one.version, f"{one.effective_from}", str(one.facts["changed"]), _approved(one.approval), ", ".join(f"{target['target']}: {target['state']}" for target in one.targets)]
        for one in found
    ]  # fmt: skip
    print_table("Versions", ["version", "in force from", "change hands", "approved", "targets"], body)


def _approved(approval: dict[str, object] | None) -> str:
    return "" if approval is None else f"{approval['choice']}, {approval['decided_by']}"


@app.command()
def start(
    organisation: Annotated[str, typer.Argument(help="Its id; `fairlead territory load` makes one.")],
    reason: Annotated[
        Literal["yearly", "by_hand", "rep_left", "rep_joined"],
        typer.Option(help="With rep_left and rep_joined as little as can be is changed."),
    ] = "by_hand",
    leaves: Annotated[list[str] | None, typer.Option(help="A rep who leaves; can be repeated.")] = None,
    joins: Annotated[list[str] | None, typer.Option(help="A loaded rep who joins; can be repeated.")] = None,
    effective_from: Annotated[
        str | None, typer.Option("--from", help="A day, such as 2027-01-01; at first today.")
    ] = None,
) -> None:
    """Ask for an alignment: planned, looked at by managers, approved and published."""
    import getpass

    actor = getpass.getuser()

    async def ask(connection: AsyncConnection[DictRow]) -> str:
        from workers.gateway import territory_commands as commands
        from workers.territory_alignment.solving.errors import InputError, NoPlanError

        try:
            day = date.fromisoformat(effective_from) if effective_from else None
        except ValueError:
            raise InputError(f"{effective_from!r} is no day; write for instance 2027-01-01") from None
        try:
            alignment_id, _ = await commands.start(
                connection,
                organisation,
                reason,
                actor=actor,
                leaving=leaves or (),
                joining=joins or (),
                effective_from=day,
            )
        except commands.AlignmentOpen as error:
            raise NoPlanError(
                f"{error} `fairlead territory review show {error.alignment_id}` says how far it is."
            ) from error
        except (commands.AlignmentUnknown, commands.AlignmentRefused) as error:
            raise NoPlanError(str(error)) from error
        return alignment_id

    with support.plain_errors():
        alignment_id = database(ask)
    typer.echo(
        f"The alignment {alignment_id} is asked for; `fairlead territory review show {alignment_id}` says how far it is."
    )


@app.command("list")
def list_(
    organisation: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 30,
) -> None:
    """List alignments, the latest first."""
    from workers.territory_alignment.adapters import overview

    with support.plain_errors():
        found = database(lambda connection: overview.lines(connection, organisation=organisation, limit=limit))
    if not found:
        typer.echo("There is no alignment yet; ask for one by `fairlead territory review start`.")
        return
    body = [
        [one.alignment_id, one.reason, one.asked_by, f"{one.opened_at:%Y-%m-%d %H:%M}", one.state, one.progress or one.version or one.plan_version or "", ", ".join(one.in_use)]
        for one in found
    ]  # fmt: skip
    print_table("Alignments", ["alignment", "reason", "asked by", "opened", "state", "version", "in use at"], body)


@app.command()
def show(
    alignment_id: Annotated[str, typer.Argument(help="As `start` and `list` give it.")],
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show an alignment: how far it is, its scenarios, what managers said, and all that happened."""
    from workers.territory_alignment.adapters import overview

    with support.plain_errors():
        found = database(lambda connection: overview.story(connection, alignment_id))
    story = cases.found_or_exit(found, "alignment", alignment_id, "fairlead territory review list")
    if json:
        cases.print_json(story)
        return
    _print(story)


def _print(found: AlignmentStory) -> None:
    line = found.line
    cases.print_head(line.alignment_id, line)
    if line.progress:
        typer.echo(line.progress)
    if found.scenarios:
        body = [
            [one.label, one.version, support.shown("score", one.card["score"]), support.shown("gap", one.card["gap"]), support.shown("changed_hands", one.card["kpis"]["changed_hands"])]
            for one in found.scenarios
        ]  # fmt: skip
        print_table("Scenarios", ["what", "version", "score", "gap", "change hands"], body)
    if found.looks:
        said = [[one.region, one.answer, one.by_whom, one.note] for one in found.looks]
        print_table("What managers said", ["region", "answer", "who", "note"], said)
    cases.print_timeline(found.timeline)


@app.command()
def withdraw(
    alignment_id: Annotated[str, typer.Argument(help="As `start` and `list` give it.")],
    why: Annotated[str, typer.Option(help="Shown in the timeline; no personal data.")],
) -> None:
    """Stop an alignment at any point and undo what it did; owners that it changed are restored."""
    import getpass

    from workers.settings import get_settings

    actor = getpass.getuser()

    async def ask(connection: AsyncConnection[DictRow]) -> bool:
        from workers.gateway import territory_commands as commands
        from workers.territory_alignment.solving.errors import NoPlanError

        ttl = get_settings().gateway.message_ttl_seconds
        try:
            return await commands.withdraw(connection, alignment_id, why, actor=actor, ttl_seconds=ttl)
        except (commands.AlignmentUnknown, commands.AlignmentFinished) as error:
            raise NoPlanError(str(error)) from error

    with support.plain_errors():
        asked = database(ask)
    cases.print_withdrawal(asked=asked)
