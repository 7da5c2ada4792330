"""Who is sent webhooks of what: kept as rows, and as outbox channels that the timeline's trigger writes to.

A subscription is a channel of its own, `webhook:<name>`, so that none waits for another one's receiver. While it is
disabled nothing is written for it; what waits then is taken back, as the timeline keeps it for `replay`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow, class_row

from workers.connectors.happenings import TYPE_PREFIX
from workers.settings_out import SUBSCRIPTION

PREFIX = "webhook:"
"""Of the outbox channels."""
KEPT_HOURS = 24.0
"""So long a secret that was replaced signs too."""

_TYPE = re.compile(re.escape(TYPE_PREFIX) + r"[a-z][a-z0-9_]{0,99}")

Connection = AsyncConnection[DictRow]


class WrongSubscription(Exception):
    """What is asked for a subscription can't be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One that is sent webhooks."""

    name: str
    url: str
    types: list[str] | None
    """Of events; None: all."""
    enabled: bool
    why: str
    """Why it is not enabled."""
    created_at: datetime
    changed_at: datetime
    secret: bytes | None = field(repr=False)
    former: bytes | None = field(repr=False)
    """The secret before, while it signs too."""

    @property
    def sealed(self) -> list[bytes]:
        """The secrets that sign, the newest first."""
        return [one for one in (self.secret, self.former) if one is not None]

    @property
    def shown_url(self) -> str:
        """See `shown`."""
        return shown(self.url)


_READ = """
    SELECT name, url, types, enabled, why, created_at, changed_at, secret,
           CASE WHEN former_until > clock_timestamp() THEN former END AS former
    FROM webhooks.subscriptions
"""


def shown(url: str) -> str:
    """A URL without its query, which may hold a secret."""
    parts = urlsplit(url)
    return parts._replace(query="…" if parts.query else "").geturl()


def channel_of(name: str) -> str:
    """The outbox channel of a subscription."""
    return PREFIX + name


async def read(connection: Connection, name: str) -> Subscription | None:
    """The subscription of that name."""
    async with connection.cursor(row_factory=class_row(Subscription)) as found:
        await found.execute(f"{_READ} WHERE name = %s".encode(), (name,))
        return await found.fetchone()


async def all_(connection: Connection) -> list[Subscription]:
    """All, by their names."""
    async with connection.cursor(row_factory=class_row(Subscription)) as found:
        await found.execute(f"{_READ} ORDER BY name".encode())
        return await found.fetchall()


async def add(connection: Connection, name: str, url: str, types: Sequence[str], secret: bytes | None) -> None:
    """Begin to tell somebody, from now on; without `types` of everything. The URL has been checked.

    Raises:
        WrongSubscription: the name or a type has no such form, or the name is taken.
    """
    if not SUBSCRIPTION.fullmatch(name):
        raise WrongSubscription("A name has 1 to 50 small letters, digits, _ or -, a letter or digit first.")
    for one in types:
        if not _TYPE.fullmatch(one):
            raise WrongSubscription(f"{one[:50]!r} is no type of event; they look like {TYPE_PREFIX}assigned.")
    try:
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO webhooks.subscriptions (name, url, types, secret) VALUES (%s, %s, %s, %s)",
                (name, url, sorted(set(types)) or None, secret),
            )
    except UniqueViolation:
        raise WrongSubscription(
            f"There is a subscription {name} already. `fairlead webhooks list` shows all."
        ) from None
    await _listen(connection, name)


async def rotate(connection: Connection, name: str, secret: bytes, *, keep_hours: float = KEPT_HOURS) -> None:
    """Sign with a new secret, for some hours with the one before as well.

    Raises:
        WrongSubscription: there is none of that name.
    """
    cursor = await connection.execute(
        "UPDATE webhooks.subscriptions SET former = secret, secret = %s, changed_at = clock_timestamp(),"
        " former_until = clock_timestamp() + make_interval(secs => %s) WHERE name = %s",
        (secret, 3600.0 * keep_hours, name),
    )
    _there(cursor.rowcount, name)


async def enable(connection: Connection, name: str) -> None:
    """Tell it again, from now on.

    Raises:
        WrongSubscription: there is none of that name.
    """
    cursor = await connection.execute(
        "UPDATE webhooks.subscriptions SET enabled = true, why = '', changed_at = clock_timestamp() WHERE name = %s",
        (name,),
    )
    _there(cursor.rowcount, name)
    await _listen(connection, name)


async def disable(connection: Connection, name: str, why: str, *, but: int | None = None) -> int:
    """Tell it no more, and take back what waits for it, all `but` one row; how many that were.

    Raises:
        WrongSubscription: there is none of that name.
    """
    channel = channel_of(name)
    await connection.execute("DELETE FROM runtime.event_channels WHERE channel = %s", (channel,))
    cursor = await connection.execute(
        "UPDATE webhooks.subscriptions SET enabled = false, why = %s, changed_at = clock_timestamp() WHERE name = %s",
        (why, name),
    )
    _there(cursor.rowcount, name)
    back = await connection.execute(
        "DELETE FROM runtime.outbox WHERE channel = %s AND id IS DISTINCT FROM %s", (channel, but)
    )
    return back.rowcount


async def remove(connection: Connection, name: str) -> int:
    """Forget a subscription and its attempts; how many rows that waited for it were taken back.

    Raises:
        WrongSubscription: there is none of that name.
    """
    back = await disable(connection, name, "removed")
    await connection.execute("DELETE FROM webhooks.subscriptions WHERE name = %s", (name,))
    return back


async def hurry(connection: Connection, name: str) -> int:
    """Have what waits tried again at once, whatever its back-off says; how many. The tries made count on.

    Raises:
        WrongSubscription: there is none of that name.
    """
    if await read(connection, name) is None:
        _there(0, name)
    now = await connection.execute(
        "UPDATE runtime.outbox SET not_before = clock_timestamp() WHERE channel = %s AND not_before > clock_timestamp()",
        (channel_of(name),),
    )
    return now.rowcount


async def replay(
    connection: Connection, name: str, *, since: datetime | None, until: datetime | None, event_id: str | None = None
) -> int:
    """Send events again, of a stretch of time or one by its id; how many. They keep their ids, and go behind what waits.

    Raises:
        WrongSubscription: there is none of that name that is enabled.
    """
    found = await read(connection, name)
    if found is None or not found.enabled:
        raise WrongSubscription(
            f"There is no subscription {name}. `fairlead webhooks list` shows all."
            if found is None
            else f"{name} is disabled: {found.why}. First: fairlead webhooks enable {name}"
        )
    cursor = await connection.execute(
        """
        INSERT INTO runtime.outbox (channel, business_id, external_id, payload)
        SELECT %(channel)s, t.business_id, 'timeline:' || t.id,
               runtime.event_of(t.at, t.actor, t.action, t.why, t.facts)
        FROM runtime.timeline t
        WHERE (%(event_id)s::text IS NULL OR t.id = %(number)s)
          AND (%(actions)s::text[] IS NULL OR t.action = ANY(%(actions)s))
          AND (%(since)s::timestamptz IS NULL OR t.at >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR t.at < %(until)s)
        ORDER BY t.id ON CONFLICT (channel, external_id) DO NOTHING
        """,
        {
            "channel": channel_of(name),
            "event_id": event_id,
            "number": _number(event_id),
            "actions": None if event_id else _actions(found.types),
            "since": since,
            "until": until,
        },
    )
    return cursor.rowcount


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to tell somebody of an event."""

    subscription: str
    event_id: str
    type: str
    business_id: str
    try_: int
    at: datetime
    milliseconds: int
    status: int | None
    outcome: str
    said: str


async def attempts(
    connection: Connection, name: str, *, event_id: str | None = None, outcome: str | None = None, limit: int = 50
) -> list[Attempt]:
    """The latest attempts first."""
    async with connection.cursor(row_factory=class_row(Attempt)) as found:
        await found.execute(
            """
            SELECT subscription, event_id, type, business_id, try AS try_, at, milliseconds, status, outcome, said
            FROM webhooks.attempts WHERE subscription = %(name)s
              AND (%(event_id)s::text IS NULL OR event_id = %(event_id)s)
              AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
            ORDER BY id DESC LIMIT %(limit)s
            """,
            {"name": name, "event_id": event_id, "outcome": outcome, "limit": limit},
        )
        return await found.fetchall()


async def _listen(connection: Connection, name: str) -> None:
    await connection.execute(
        """
        INSERT INTO runtime.event_channels (channel, actions)
        SELECT %(channel)s, (SELECT array_agg(substr(one, %(from)s)) FROM unnest(types) AS one)
        FROM webhooks.subscriptions WHERE name = %(name)s
        ON CONFLICT (channel) DO NOTHING
        """,
        {"channel": channel_of(name), "name": name, "from": len(TYPE_PREFIX) + 1},
    )


def _actions(types: Sequence[str] | None) -> list[str] | None:
    return None if types is None else [one.removeprefix(TYPE_PREFIX) for one in types]


def _number(event_id: str | None) -> int | None:
    """The timeline's entry of an event.

    Raises:
        WrongSubscription: it is no id of ours.
    """
    if event_id is None:
        return None
    number = event_id.removeprefix("timeline:")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise WrongSubscription(f"{event_id[:50]!r} is no event of ours; they look like timeline:4711.")
    return int(number)


def _there(rows: int, name: str) -> None:
    if not rows:
        raise WrongSubscription(f"There is no subscription {name}. `fairlead webhooks list` shows all.")
