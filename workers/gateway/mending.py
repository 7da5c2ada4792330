"""What the page Operations acts by: the same as `fairlead ops`, with the same record of who did what and why."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.healing import switch
from workers.operations import dead_letters, incidents
from workers.operations.audit import POLICY, Actor
from workers.operations.model import DeadLetter, Done, Incident, Wanted
from workers.runtime.database import Pool
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.gateway.access import Client
    from workers.gateway.parts import Form  # which imports this module

AT_ONCE = 500
"""So many can be chosen together."""


class NotAsked(ValueError):
    """What was asked for is not complete; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Connections to what stopped."""

    board: incidents.Board
    engine: incidents.Engine


OpenDesk = Callable[[], AbstractAsyncContextManager[Desk]]


@contextlib.asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """The cluster's own, for as long as an action takes."""
    # gRPC costs memory that a gateway pays only when somebody mends something.
    from workers.operations.camunda import OperationsRest  # noqa: PLC0415
    from workers.runtime.zeebe import ZeebeClient  # noqa: PLC0415

    async with OperationsRest(settings) as board, ZeebeClient(settings) as engine:
        yield Desk(board, engine)


def actor_of(client: Client, form: Form) -> Actor:
    """Who acts, and why; of a person the provider has told the name. Raises `NotAsked`."""
    by, why = "" if client.person else form.one("by"), form.one("why")
    if not why or len(why) > 500:
        raise NotAsked("Say why in 1 to 500 characters; it is kept in the audit trail.")
    if by.startswith(POLICY) or len(by) > 100:
        raise NotAsked("Give your name in up to 100 characters; names of policies are taken.")
    return Actor(f"{by} ({client.actor})" if by else client.actor, why)


def keys_of(given: Sequence[str]) -> frozenset[int]:
    """What was chosen. Raises `NotAsked`."""
    if not given or len(given) > AT_ONCE or not all(one.isdecimal() and len(one) < 20 for one in given):
        raise NotAsked(f"Choose one or more, up to {AT_ONCE}.")
    return frozenset(map(int, given))


def variables_of(text: str) -> dict[str, Any]:
    """Variables as a JSON object. Raises `NotAsked`."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found or not all(name.isidentifier() for name in found):
        raise NotAsked('Give the corrected variables as a JSON object, for instance {"country": "DE"}.')
    return found


async def mend_incidents(
    pool: Pool, open_: OpenDesk, chosen: Sequence[Incident], actor: Actor, corrected: str
) -> list[Done]:
    """Let the engine try again, after correcting variables if there are any.

    Raises:
        NotAsked: the variables are no JSON object.
        psycopg.OperationalError: the database is away.
    """
    variables = variables_of(corrected) if corrected else {}
    async with open_() as desk:
        if variables:
            return await incidents.resolve(pool, desk.board, desk.engine, chosen, actor, variables=variables)
        return await incidents.retry(pool, desk.engine, chosen, actor)


async def mend_letters(pool: Pool, keys: frozenset[int], how: str, actor: Actor, *, late: bool) -> list[Done]:
    """Send dead letters again (``retry``), give them up (``skip``) or mark them as done by hand (``resolve``).

    Raises:
        NotAsked: it is none of these.
        psycopg.OperationalError: the database is away.
    """
    chosen: list[DeadLetter] = await dead_letters.find(pool, Wanted(keys=frozenset(map(str, keys)), limit=AT_ONCE))
    match how:
        case "retry":
            return await dead_letters.retry(pool, chosen, actor, late=late)
        case "skip":
            return await dead_letters.settle(pool, chosen, actor, "given up")
        case "resolve":
            return await dead_letters.settle(pool, chosen, actor, "done by hand")
    raise NotAsked("Choose what to do: send again, done by hand, or give up.")


async def switch_healing(pool: Pool, how: str, actor: Actor) -> Done:
    """Switch self-healing ``on`` or ``off``.

    Raises:
        NotAsked: it is neither.
        psycopg.OperationalError: the database is away.
    """
    if how not in {"on", "off"}:
        raise NotAsked("Say whether self-healing is to be on or off.")
    return await switch.turn(pool, actor, on=how == "on")
