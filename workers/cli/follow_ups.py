"""`fairlead follow-ups …`: promise a contact, see what is open, say what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli._support import database, fail, print_table

if TYPE_CHECKING:
    from workers.gateway.follow_up_contracts import FollowUpView

app = typer.Typer(no_args_is_help=True, help="Contacts that reps promised: reminded, escalated, closed.")

FollowUpId = Annotated[str, typer.Argument(help="As `promise` gave it.")]


class _Kind(StrEnum):
    LEAD = "lead"
    OPPORTUNITY = "opportunity"


class _Channel(StrEnum):
    CALL = "call"
    MAIL = "mail"
    MEETING = "meeting"
    VISIT = "visit"


class _Result(StrEnum):
    REACHED = "reached"
    LEFT_MESSAGE = "left_message"
    NEXT_STEP = "next_step"
    NOT_INTERESTED = "not_interested"


@app.command()
def promise(
    subject: Annotated[str, typer.Argument(help="Id of the opportunity or lead.")],
    rep: Annotated[str, typer.Option(help="Who promised it: a rep's id.")],
    contact: Annotated[str, typer.Option(help="Whom: a person or a company.")],
    by: Annotated[datetime, typer.Option(help="By when (UTC).")],
    kind: _Kind = _Kind.OPPORTUNITY,
    channel: _Channel = _Channel.CALL,
    note: str = "",
) -> None:
    """Have a promised contact followed up; the same promise starts once."""
    import getpass

    from pydantic import ValidationError

    from workers.gateway import follow_ups
    from workers.gateway.follow_up_contracts import FollowUpIn

    try:
        given = FollowUpIn(
            subject_kind=kind.value,
            subject_id=subject,
            rep_id=rep,
            contact=contact,
            channel=channel.value,
            promised_for=by.replace(tzinfo=UTC),
            note=note,
        )
        follow_up_id, asked = database(
            lambda connection: follow_ups.start(connection, given, actor=getpass.getuser(), now=follow_ups.now())
        )
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))
    except follow_ups.PromiseImpossible as error:
        fail(str(error))
    typer.echo(f"{follow_up_id}: {'promised' if asked else 'was promised before'}.")


@app.command(name="list")
def list_(
    rep: Annotated[str | None, typer.Option(help="A rep's id.")] = None,
    state: Annotated[str | None, typer.Option(help="For instance open or missed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30,
) -> None:
    """List promises, those due first in front; open ones first."""
    from typing import get_args

    from workers.gateway import follow_ups
    from workers.gateway.follow_up_contracts import FollowUpState

    if state is not None and state not in get_args(FollowUpState):
        fail(f"There is no state {state}. States are: {', '.join(get_args(FollowUpState))}.")
    found = database(lambda connection: follow_ups.list_(connection, rep=rep, state=state, limit=limit))
    print_table(
        "Promised contacts",
        ["Id", "Due (UTC)", "Rep", "Contact", "Channel", "About", "State"],
        [[one.follow_up_id, _shown(one.due_at), one.rep_id, one.contact, one.channel, one.subject_id, one.state]
         for one in found],
    )  # fmt: skip


@app.command()
def show(follow_up_id: FollowUpId) -> None:
    """Show one promise with its changes and what became of it."""
    from workers.gateway import follow_ups

    found = database(lambda connection: follow_ups.read(connection, follow_up_id))
    if found is None:
        fail(f"There is no follow-up {follow_up_id}. `fairlead follow-ups list` shows them.")
    for line in _story(found):
        typer.echo(line)


@app.command()
def done(
    follow_up_id: FollowUpId,
    by: Annotated[str, typer.Option(help="Log-in of who made the contact.")],
    result: _Result = _Result.REACHED,
    note: str = "",
) -> None:
    """Tell that the contact was made: the rep's task is closed."""
    import getpass

    from workers.gateway import follow_ups
    from workers.settings import get_settings

    ttl = get_settings().gateway.message_ttl_seconds
    try:
        told = database(
            lambda connection: follow_ups.contact_made(
                connection, follow_up_id, result=result.value, by=by, note=note, actor=getpass.getuser(),
                ttl_seconds=ttl,
            )
        )  # fmt: skip
    except (follow_ups.FollowUpUnknown, follow_ups.FollowUpFinished) as error:
        fail(str(error))
    typer.echo("Told." if told else "Was told before.")


@app.command()
def cancel(
    follow_up_id: FollowUpId, why: Annotated[str, typer.Option(help="Kept in the timeline; no personal data.")]
) -> None:
    """Stop a promise's process at any point, and take the activity out of the CRM."""
    import getpass

    from workers.gateway import follow_ups
    from workers.settings import get_settings

    if not why.strip() or len(why) > 500:
        fail("Say why in 1 to 500 characters.")
    ttl = get_settings().gateway.message_ttl_seconds
    try:
        asked = database(
            lambda connection: follow_ups.cancel(
                connection, follow_up_id, why, actor=getpass.getuser(), ttl_seconds=ttl
            )
        )
    except (follow_ups.FollowUpUnknown, follow_ups.FollowUpFinished) as error:
        fail(str(error))
    typer.echo("The cancellation is asked for." if asked else "The cancellation was asked for before.")


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option(min=3, max=200, help="Organisations; intervals are over them.")] = 20,
    days: Annotated[int, typer.Option(min=10, max=250, help="Working days of each.")] = 40,
    reps: Annotated[int, typer.Option(min=1, max=500)] = 40,
) -> None:
    """Simulate promises with and without the process, under stated assumptions; missed and late ones with intervals."""
    from workers.follow_up.simulating import ASSUMED, EFFECTS, compare

    for name, effect in EFFECTS.items():
        found = compare(ASSUMED, effect, seeds=seeds, days=days, reps=reps)
        print_table(
            f"{name}: a reminder works in {effect.reminder:.0%}, the manager in {effect.manager:.0%} of the cases",
            ["", "Without", "With", "Fewer (relative)"],
            [[row.name, str(row.without), str(row.with_process), str(row.fewer)] for row in found],
        )
    typer.echo(
        f"Means over {seeds} seeds with 95 % intervals; {reps} reps, {days} working days. See docs/follow-ups.md."
    )


def _story(found: FollowUpView) -> list[str]:
    about = f"a {found.channel} about {found.subject_kind} {found.subject_id}"
    lines = [
        f"{found.follow_up_id}: {found.state}",
        f"{found.rep_id} promised {found.contact} {about} by {_shown(found.promised_for)} UTC",
        f"due {_shown(found.due_at)} UTC",
    ]
    lines += [
        f"{_shown(one.changed_at)} {one.kind} by {one.by}: {one.before} → {one.after} ({one.reason})"
        for one in found.changes
    ]
    if found.escalated_at:
        lines.append(f"{_shown(found.escalated_at)} the manager was told")
    if found.closed_at:
        lines.append(f"{_shown(found.closed_at)} {found.state} {found.result} {found.contacted_by}".rstrip())
    return lines


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
