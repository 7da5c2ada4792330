"""What the commands of `fairlead ops` share: their options, their connections, and how an action is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from workers.operations.audit import Actor
    from workers.operations.camunda import OperationsRest
    from workers.operations.model import Done, Item, Wanted
    from workers.runtime.database import Pool
    from workers.runtime.zeebe import ZeebeClient
    from workers.settings import Settings

T = TypeVar("T")

Keys = Annotated[list[str] | None, typer.Argument(help="Keys, as the list shows them; or choose by the options.")]
Element = Annotated[str, typer.Option(help="Element id, or a task such as lead_routing.enrich_lead.")]
Process = Annotated[str, typer.Option(help="Process id, for instance lead_routing.")]
Channel = Annotated[str, typer.Option(help="Outbox channel: crm.lead, mail or zeebe.message.")]
Case = Annotated[str, typer.Option("--case", help="Business id, for instance a lead's id.")]
Text = Annotated[str, typer.Option(help="Part of the error's message.")]
Older = Annotated[str | None, typer.Option("--older-than", help="Age, for instance 90s, 10m, 2h or 3d.")]
Limit = Annotated[int, typer.Option(min=1, max=5_000, help="At most so many, the oldest first.")]
AsJson = Annotated[bool, typer.Option("--json", help="As a JSON array.")]
Why = Annotated[str, typer.Option(help="Kept in the audit trail; no personal data.")]
By = Annotated[str | None, typer.Option(help="Who does it; default: your log-in name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be acted on.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Everything = Annotated[bool, typer.Option("--all", help="Act on all there are, if nothing is chosen.")]


@dataclass(frozen=True, slots=True)
class Desk:
    """Connections of an operator's command."""

    settings: Settings
    pool: Pool
    board: OperationsRest
    engine: ZeebeClient


@dataclass(frozen=True, slots=True)
class Asked:
    """How an action was asked for."""

    actor: Actor
    keys: frozenset[str]
    dry_run: bool
    yes: bool
    json: bool


def choice(keys: Sequence[str] | None = None, older: str | None = None, limit: int = 1_000, **more: str) -> Wanted:
    """The options as a choice; `more` are its other fields."""
    from workers.operations.model import NotAnAge, Wanted, age

    try:
        return Wanted(keys=frozenset(keys or ()), older=age(older) if older else None, limit=limit, **more)
    except NotAnAge as error:
        raise typer.BadParameter(str(error), param_hint="--older-than") from None


def asked(wanted: Wanted, why: str, by: str | None, *, everything: bool, dry_run: bool, yes: bool, json: bool) -> Asked:
    """Check how an action was asked for, before anything is looked up."""
    from workers.operations.audit import POLICY, Actor

    if not why.strip() or len(why) > 500:
        fail("Say why in 1 to 500 characters.")
    if wanted.everything and not everything:
        fail("Name keys or choose by options; --all if you mean all there are.")
    name = (by or getpass.getuser()).strip()
    if not name or name.startswith(POLICY):
        fail("Say by --by who does it; names of policies are taken.")
    return Asked(Actor(name, why.strip()), wanted.keys, dry_run, yes, json)


def variables(given: Sequence[str]) -> dict[str, Any]:
    """Read ``name=JSON``, so that text is told from numbers: ``'country="DE"'``."""
    import json

    found = {}
    for one in given:
        name, _, value = one.partition("=")
        try:
            found[name] = json.loads(value)
        except ValueError:
            name = ""
        if not name.isidentifier():
            hint = f"{one} is not name=JSON. Text needs its quotes: 'country=\"DE\"'."
            raise typer.BadParameter(hint, param_hint="--set")
    return found


async def act(what: str, found: Sequence[Item], how: Asked, do: Callable[[Actor], Awaitable[Sequence[Done]]]) -> None:
    """Show what was chosen, ask, act, and tell. `what` reads like ``retry 3 incidents`` with the number left out."""
    from workers.operations import model, rendering

    verb, _, noun = what.partition(" ")
    number = f"{len(found)} {noun if len(found) != 1 else noun.removesuffix('s')}"
    if missing := sorted(how.keys - {str(one.key) for one in found}):
        fail(f"Not among the {noun} that fit: {', '.join(missing)}. Nothing was done.")
    if not found:
        typer.echo("[]" if how.json else f"No {noun} fit.")
        return
    if not how.json or how.dry_run:
        show(found, json=how.json)
    if how.dry_run:
        typer.echo(f"Would {verb} {number}. Nothing was done.", err=True)
        return
    if not how.yes:
        typer.confirm(f"{verb.capitalize()} {number}?", abort=True, err=True)
    done = await do(how.actor)
    if how.json:
        typer.echo(rendering.as_json(done))
    else:
        for one in done:
            if not one.ok:
                typer.echo(f"{one.target}: {one.outcome}")
        typer.echo(f"{verb.capitalize()}: {sum(one.ok for one in done)} of {len(done)} done.")
    if not model.ok(done):
        raise typer.Exit(1)


def show(items: Sequence[Item], *, json: bool) -> None:
    """Print a list."""
    from workers.operations import rendering

    if json:
        typer.echo(rendering.as_json(items))
    elif items:
        console().print(rendering.listed(items))


def run(work: Callable[[Desk], Awaitable[T]], *, wait: bool = False) -> T:
    """Do `work` with connections to database and engine; if one is missing, say so and end.

    With `wait` the database may come later.
    """
    from workers.cli._support import needs_database
    from workers.engine.errors import UnreachableError
    from workers.runtime.zeebe_types import EngineBusy

    async def with_desk() -> T:
        async with _desk(wait=wait) as desk:
            return await work(desk)

    try:
        with needs_database():
            return asyncio.run(with_desk())
    except (UnreachableError, EngineBusy) as error:
        fail(f"{error}\nSee `fairlead status`, or set FAIRLEAD_ZEEBE__ADDRESS and FAIRLEAD_ZEEBE__REST_ADDRESS.")


@contextlib.asynccontextmanager
async def _desk(*, wait: bool) -> AsyncIterator[Desk]:
    import psycopg

    from workers.operations.camunda import OperationsRest
    from workers.runtime.database import open_pool
    from workers.runtime.zeebe import ZeebeClient
    from workers.settings import get_settings

    settings = get_settings()
    if not wait:  # as a pool would
        await (await psycopg.AsyncConnection.connect(settings.dsn, connect_timeout=5)).close()
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    try:
        async with OperationsRest(settings) as board, ZeebeClient(settings) as engine:
            yield Desk(settings, pool, board, engine)
    finally:
        await pool.close()


def console(*, stderr: bool = False) -> Console:
    """The terminal; as wide as it takes where there is none."""
    from rich.console import Console

    return Console(markup=False, highlight=False, stderr=stderr)


def fail(message: str) -> NoReturn:
    """Say what is wrong and end with code 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)
