"""What the page Webhooks acts by: what `fairlead webhooks` and `fairlead ops dead-letters` do, with a record of who, and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.outgoing import overview, subscriptions
from workers.connectors.outgoing.subscriptions import WrongSubscription, channel_of
from workers.gateway.mending import AT_ONCE, NotAsked
from workers.operations import audit, dead_letters
from workers.operations.audit import Actor
from workers.operations.model import Done, Json, Wanted
from workers.runtime.database import Pool

Work = Callable[[AsyncConnection[DictRow]], Awaitable[Json]]
"""Does it in the connection's transaction; what the audit trail keeps of what came of it."""


async def mend(pool: Pool, names: Sequence[str], how: str, since: str, actor: Actor) -> list[Done]:
    """Mend subscriptions: ``retry`` tries what waits now, and sends dead letters again; ``replay`` sends what happened
    `since` (UTC, as ``2026-03-04T09:15``) again; ``disable`` and ``enable``.

    Raises:
        NotAsked: nothing is chosen, it is none of these, or `since` is no such time.
        psycopg.OperationalError: the database is away.
    """
    if not names or len(names) > AT_ONCE:
        raise NotAsked(f"Choose one or more subscriptions, up to {AT_ONCE}.")
    moment = _moment(since) if how == "replay" else None
    done: list[Done] = []
    for name in dict.fromkeys(names):
        match how:
            case "retry":
                done += await _retry(pool, name, actor)
            case "replay":
                done.append(await _do(pool, name, actor, "webhook.replay", _replay(name, since=moment)))
            case "disable":
                done.append(await _do(pool, name, actor, "webhook.disable", _disable(name, actor.why)))
            case "enable":
                done.append(await _do(pool, name, actor, "webhook.enable", _enable(name)))
            case _:
                raise NotAsked("Choose what to do: try again now, send again since a time, stop, or begin again.")
    return done


async def send_again(pool: Pool, attempt_ids: frozenset[int], actor: Actor) -> list[Done]:
    """Send the events of attempts again, each once.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    async with pool.connection() as connection:
        chosen = await overview.events_of(connection, attempt_ids)
    return [await _do(pool, name, actor, "webhook.replay", _replay(name, event_id=event)) for name, event in chosen]


async def _retry(pool: Pool, name: str, actor: Actor) -> list[Done]:
    """What waits, and then dead letters: behind newer events too, as each says when it happened."""

    async def hurry(connection: AsyncConnection[DictRow]) -> Json:
        return {"tried now": await subscriptions.hurry(connection, name)}

    first = await _do(pool, name, actor, "webhook.retry", hurry)
    letters = await dead_letters.find(pool, Wanted(channel=channel_of(name), limit=AT_ONCE)) if first.ok else []
    return [first, *await dead_letters.retry(pool, letters, actor, late=True)]


def _replay(name: str, *, since: datetime | None = None, event_id: str | None = None) -> Work:
    async def work(connection: AsyncConnection[DictRow]) -> Json:
        sent = await subscriptions.replay(connection, name, since=since, until=None, event_id=event_id)
        return {"events": sent, "since": since.isoformat() if since else None, "event": event_id}

    return work


def _disable(name: str, why: str) -> Work:
    async def work(connection: AsyncConnection[DictRow]) -> Json:
        return {"taken back": await subscriptions.disable(connection, name, why)}

    return work


def _enable(name: str) -> Work:
    async def work(connection: AsyncConnection[DictRow]) -> Json:
        await subscriptions.enable(connection, name)
        return {}

    return work


async def _do(pool: Pool, name: str, actor: Actor, action: str, work: Work) -> Done:
    """Both the entry of the audit trail and what it says, or neither."""
    target = f"webhooks to {name[:50]}"
    async with pool.connection() as connection:
        found = await subscriptions.read(connection, name)
        before: Json = {} if found is None else {"enabled": found.enabled, "why": found.why}
        subject = channel_of(name[:50])
        entry = await audit.begin(
            connection, actor, action, target=target, subject=subject, business_id="", before=before
        )
        try:
            async with connection.transaction():
                after = await work(connection)
        except WrongSubscription as error:
            outcome, after = f"refused: {error}", {}
        else:
            outcome = "done"
        await audit.settle(connection, entry, outcome, after)
    return Done(target, "", outcome)


def _moment(text: str) -> datetime:
    """A time of the form, which is UTC. Raises `NotAsked`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or found.year < 2000:
        raise NotAsked("Say since when, as 2026-03-04T09:15 (UTC).")
    return found.replace(tzinfo=UTC)
