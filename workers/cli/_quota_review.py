"""`fairlead quota load`, `review …`, `history` and `audit`: organisations, and the approval of their quotas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _quota_support as support
from workers.cli._cases import print_withdrawal
from workers.cli._support import database, print_table

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.quota_approval.adapters.overview import ReviewLine

app = typer.Typer(no_args_is_help=True, help="Have quotas set, and see how their approval goes.")

Organisation = Annotated[str, typer.Argument(help="Its id; `fairlead quota load` makes one.")]
QuotaId = Annotated[str, typer.Argument(help="As `start` and `list` give it.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000)]


def load(
    organisation: Annotated[str, typer.Argument(help="Its id: small letters, digits and _.")],
    folder: Annotated[
        Path, typer.Argument(help="Folder with the tables, rules.yaml and people.csv; see docs/quota.md.")
    ],
    name: Annotated[str | None, typer.Option(help="What people call it; at first its id.")] = None,
    timezone: Annotated[str, typer.Option(help="IANA name.")] = "UTC",
    holidays: Annotated[str, typer.Option(help="Country of the public holidays.")] = "US",
    target: Annotated[list[str] | None, typer.Option(help="crm or erp; at first both. Can be repeated.")] = None,
    people: Annotated[
        list[str] | None,
        typer.Option("--people", help="GROUP=ADDRESS, for instance sales-ops=ops@example.com; can be repeated."),
    ] = None,
    forecast_of: Annotated[
        str | None, typer.Option(help="Plan by the published forecast of this organisation, instead of forecast.csv.")
    ] = None,
    territories_of: Annotated[
        str | None,
        typer.Option(help="Plan by the published territories of this organisation, instead of territories.csv."),
    ] = None,
) -> None:
    """Load an organisation with the tables its quotas are planned from; may be repeated, with newer ones."""
    with support.plain_errors():
        from workers.quota_approval.adapters import loading
        from workers.quota_approval.domain import reviews
        from workers.quota_approval.planning.errors import InputError

        try:
            tables, rules, persons = loading.read_folder(folder)
        except loading.LoadError as error:
            raise InputError(str(error)) from error
        groups: dict[str, tuple[str, ...]] = {}
        for one in people or ():
            group, _, address = one.partition("=")
            if "@" not in address:
                raise InputError(f"--people {one!r} is no GROUP=ADDRESS, such as sales-ops=ops@example.com")
            groups[group] = (*groups.get(group, ()), address)
        made = reviews.Organisation(
            id=organisation,
            name=name or organisation,
            currency=str(rules.get("currency", "")),
            timezone=timezone,
            holidays=holidays,
            targets=tuple(target or ("crm", "erp")),
            people=groups,
            rules=rules,
            forecast_of=forecast_of,
            territories_of=territories_of,
        )
        database(lambda connection: loading.load(connection, made, tables, persons))
    typer.echo(
        f"{made.name}: {sum(map(len, tables.values())):,} rows of {len(tables)} tables, {len(persons)} people.\n"
        f"Have quotas set by `fairlead quota review start {organisation} {rules.get('period', 'PERIOD')}`."
    )


@app.command()
def start(
    organisation: Organisation,
    period: Annotated[str, typer.Argument(help="As the forecast names it, for instance 2027.")],
    concerned: Annotated[
        list[str] | None,
        typer.Option("--only", help="Adjust a published period for this rep or unit; can be repeated."),
    ] = None,
    change_percent: Annotated[
        float, typer.Option("--change", help="With --only: by how many percent forecast or territory moved.")
    ] = 0.0,
) -> None:
    """Have quotas of a period planned, approved and published; with --only set anew for some within it."""
    import getpass

    actor = getpass.getuser()

    async def ask(connection: AsyncConnection[DictRow]) -> str:
        from workers.gateway import quota_commands
        from workers.quota_approval.planning.errors import NoPlanError

        try:
            quota_id, _ = await quota_commands.start(
                connection,
                organisation,
                period,
                actor=actor,
                concerned=concerned or (),
                change_percent=change_percent if concerned else None,
            )
        except (quota_commands.OrganisationUnknown, quota_commands.QuotasOpen) as error:
            raise NoPlanError(str(error)) from error
        return quota_id

    with support.plain_errors():
        quota_id = database(ask)
    typer.echo(f"The review {quota_id} is asked for; `fairlead quota review show {quota_id}` says how far it is.")


@app.command("list")
def list_(
    organisation: Annotated[str | None, typer.Option(help="Only of this one.")] = None, limit: Limit = 30
) -> None:
    """List reviews, the latest first."""
    from workers.quota_approval.adapters import overview

    with support.plain_errors():
        found = database(lambda connection: overview.reviews(connection, organisation=organisation, limit=limit))
    if not found:
        typer.echo("There is no review yet; ask for one by `fairlead quota review start`.")
        return
    body = [
        [one.quota_id, one.period, one.reason, one.asked_by, f"{one.opened_at:%Y-%m-%d %H:%M}", one.state, _progress(one), one.version or "", ", ".join(one.in_use)]
        for one in found
    ]  # fmt: skip
    head = ["review", "period", "reason", "asked by", "opened", "state", "quotas", "version", "in use at"]
    print_table("Reviews", head, body)


@app.command()
def show(
    quota_id: QuotaId,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only quotas that wait for people.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 40,
) -> None:
    """Show a review: where each quota stands, whose approval it needs, and why."""
    from workers.quota_approval.adapters import overview

    with support.plain_errors():
        reviews = database(lambda connection: overview.reviews(connection, quota_id=quota_id))
        state = "waiting" if waiting else None
        cases = database(lambda connection: overview.cases(connection, quota_id, state=state))
    if not reviews:
        typer.echo(f"No review {quota_id} was opened; `fairlead quota review list` shows those there are.", err=True)
        raise typer.Exit(1)
    one = reviews[0]
    typer.echo(f"{one.quota_id}: {one.state}; {one.period}, {one.reason}, asked by {one.asked_by}; {_progress(one)}")
    body = [
        [case.node, case.level, support.money(case.quota), support.money(case.last_quota), support.share(case.odds), case.needs or "", case.stage or "", case.state, case.adjusted_by or "", case.why]
        for case in cases[:rows]
    ]  # fmt: skip
    head = ["node", "level", "quota", "last", "odds", "needs", "with", "state", "set by", "why"]
    print_table(f"Quotas, {min(rows, len(cases))} of {len(cases)}", head, body)


@app.command()
def withdraw(
    quota_id: QuotaId, why: Annotated[str, typer.Option(help="Shown in the timeline; no personal data.")]
) -> None:
    """Stop a review at any point and undo what it did; what it published is restored."""
    import getpass

    from workers.settings import get_settings

    actor = getpass.getuser()

    async def ask(connection: AsyncConnection[DictRow]) -> bool:
        from workers.gateway import quota_commands
        from workers.quota_approval.planning.errors import NoPlanError

        ttl = get_settings().gateway.message_ttl_seconds
        try:
            return await quota_commands.withdraw(connection, quota_id, why, actor=actor, ttl_seconds=ttl)
        except (quota_commands.QuotasUnknown, quota_commands.QuotasFinished) as error:
            raise NoPlanError(str(error)) from error

    with support.plain_errors():
        asked = database(ask)
    print_withdrawal(asked=asked)


@app.command()
def audit(quota_id: QuotaId) -> None:
    """Print the signed trail: who did what when, and what they saw; fails if a row was tampered with."""
    from workers.office import links
    from workers.quota_approval.adapters import overview
    from workers.settings import get_settings

    secret = links.secret_of(get_settings())
    with support.plain_errors():
        entries, broken_at = database(lambda connection: overview.trail(connection, quota_id, secret))
    body = [
        [
            str(one.number),
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.actor,
            one.action,
            one.node or "",
            str(dict(one.seen))[:120],
        ]
        for one in entries
    ]
    print_table("Signed trail", ["", "when", "who", "what", "quota", "seen"], body)
    if broken_at is not None:
        typer.echo(f"Row {broken_at} is not what was signed, or one before it is missing.", err=True)
        raise typer.Exit(1)
    typer.echo(f"All {len(entries)} rows are as they were signed.")


def history(
    organisation: Annotated[str | None, typer.Option(help="Only of this one.")] = None, limit: Limit = 30
) -> None:
    """List published versions with the days from and until which they hold, the latest first."""
    from workers.quota_approval.adapters import overview

    with support.plain_errors():
        found = database(lambda connection: overview.history(connection, organisation, limit))
    body = [
        [one.version, one.period, f"{one.valid_from} to {one.valid_until}", f"{one.made_at:%Y-%m-%d %H:%M}", ", ".join(one.in_use)]
        for one in found
    ]  # fmt: skip
    print_table("Versions", ["version", "period", "holds", "made", "in use at"], body)


def _progress(one: ReviewLine) -> str:
    return f"{one.waiting} of {one.quotas} wait, {one.passed} passed by themselves"
