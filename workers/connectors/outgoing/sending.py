"""Sends webhooks by Standard Webhooks: an event of a case, signed, to one subscription; each attempt is noted.

What a receiver does wrong concerns its own subscription alone, which is a channel of its own: an event that was not taken
is tried again after the outbox's back-off, up to hours, whatever the answer was (Standard Webhooks: only 2xx says that it
was taken); who asks for a pause gets it; 410 says that nobody wants it any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal

import httpx
import psycopg
import structlog

from workers.connectors.outbound import AddressRefused, Door, well_formed
from workers.connectors.outgoing import subscriptions
from workers.connectors.outgoing.keys import Safe
from workers.connectors.outgoing.subscriptions import PREFIX, Subscription, WrongSubscription
from workers.connectors.webhooks import UnusableSecret, standard_headers
from workers.runtime.answers import pause
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, Postponed, RateLimited, Unreachable
from workers.runtime.outbox import FAMILY, OutboxRow
from workers.runtime.outside_http import UNTOLD_SECONDS, retry_after
from workers.runtime.task import Retry
from workers.settings import Settings

log = structlog.get_logger()

CHANNEL = PREFIX + FAMILY
FIRST_SECONDS = 5.0
LONGEST_SECONDS = 4 * 3600.0
"""Between two tries: 5 s at first, doubled each time up to four hours, of which the outbox takes a random share."""

LONGEST_ANSWER = 65_536
"""Bytes that are read of an answer; what it says beside its status is no matter."""

Outcome = Literal["delivered", "again", "dead", "gone"]


class Sending:
    """Delivers rows of `CHANNEL`."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        *,
        clock: Callable[[], float] = time.time,
        inner: httpx.AsyncBaseTransport | None = None,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        """`clock` gives seconds since 1970; `inner` is the way to addresses that were judged."""
        self._out = settings.webhooks_out
        self._region = settings.regions.here
        self._pool = pool
        self._safe = Safe(settings)
        self._clock = clock
        self._door = Door(
            trusted_hosts=self._out.trusted_hosts,
            seconds=self._out.seconds,
            headers={"Content-Type": "application/cloudevents+json"},
            inner=inner,
            # Without a bound of connections: who is slow must not take those of others. Each channel has its places.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self._retry = Retry(tries=self._out.tries, first_seconds=first_seconds, cap_seconds=LONGEST_SECONDS)
        self._rests: dict[str, float] = {}

    async def close(self) -> None:
        """Close the connections; the second call does nothing."""
        await self._door.close()

    async def __call__(self, row: OutboxRow) -> None:
        """Send an event.

        Raises:
            Postponed: it was not taken; it is tried again.
            RateLimited: the receiver asked for a pause a moment ago; nothing was sent.
            Unreachable: our database is away; nothing was sent.
            PermanentError: nobody is there any more, it was tried too often, or it can't be sent as things are.
        """
        name = row.channel.removeprefix(PREFIX)
        left = self._rests.get(name, 0.0) - time.monotonic()
        if left > 0:
            raise RateLimited(f"{name} asked for a pause.", retry_after=left)
        found = await self._subscription(name)
        body, headers = self._signed(found, row)
        began = time.monotonic()
        try:
            address = well_formed(found.url, self._out.trusted_hosts)
            async with asyncio.timeout(self._out.seconds):
                answer = await self._post(address, body, headers)
        except AddressRefused as error:
            await self._note(row, name, began, None, "dead", str(error))
            raise
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            await self._again(row, name, began, None, f"no answer ({type(error).__name__})", None)
        else:
            await self._answered(row, name, began, answer)

    async def _post(self, address: httpx.URL, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """The answer, of which status and headers count; a short body is read, so that the connection can be used again."""
        async with self._door.http.stream("POST", address, content=body, headers=headers) as answer:
            read = 0
            async for part in answer.aiter_raw():
                read += len(part)
                if read > LONGEST_ANSWER:
                    break
        return answer

    async def _answered(self, row: OutboxRow, name: str, began: float, answer: httpx.Response) -> None:
        said = f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
        if answer.is_success:
            await self._note(row, name, began, answer.status_code, "delivered", said)
        elif answer.status_code == httpx.codes.GONE:
            await self._gone(row, name)
            await self._note(row, name, began, answer.status_code, "gone", said)
            raise PermanentError(
                f"{name} answered 410 Gone, so the subscription is disabled. If it should go on: fairlead webhooks enable "
                f"{name}, then replay what it missed."
            )
        else:
            wait = retry_after(answer)
            if wait is None and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                wait = UNTOLD_SECONDS
            if wait is not None:
                self._rests[name] = time.monotonic() + wait
            await self._again(row, name, began, answer.status_code, said, wait)

    async def _subscription(self, name: str) -> Subscription:
        try:
            async with self._pool.connection() as connection:
                found = await subscriptions.read(connection, name)
        except psycopg.OperationalError as error:
            raise Unreachable("Our database does not answer.") from error
        if found is None or not found.enabled:
            raise PermanentError(f"The subscription {name} is disabled or gone; enable it, then replay what it missed.")
        return found

    def _signed(self, found: Subscription, row: OutboxRow) -> tuple[bytes, dict[str, str]]:
        from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415 - for who sends alone

        from workers.connectors.happenings import case_event, event_id  # noqa: PLC0415 - likewise

        try:
            body = JSONFormat().write(case_event(row.external_id, row.business_id, row.payload, self._region))
        except (KeyError, TypeError, ValueError):
            raise PermanentError("This row holds no event of a case; drop it, or correct its payload.") from None
        secrets = self._safe.signing(found.name, found.sealed)
        try:
            return body, standard_headers(secrets, event_id(row.external_id, self._region), body, at=int(self._clock()))
        except UnusableSecret as error:
            raise PermanentError(f"FAIRLEAD_WEBHOOKS_OUT__SECRETS, {found.name}: {error}") from None

    async def _again(
        self, row: OutboxRow, name: str, began: float, status: int | None, said: str, wait: float | None
    ) -> None:
        tries = row.tries + 1
        if tries >= self._retry.tries:
            await self._note(row, name, began, status, "dead", said)
            # Not "gave up": self-healing would begin anew, and there is no way to ask whether the receiver is back.
            raise PermanentError(
                f"{name} did not take it in {tries} tries; the last time: {said}. Ask those who run it, then: fairlead "
                f"webhooks replay {name} --id {row.external_id}"
            )
        seconds = max(pause(self._retry, self._retry.tries - row.tries), wait or 0.0)
        await self._note(row, name, began, status, "again", f"{said}; again in {seconds:.0f} s")
        raise Postponed(f"{name}: {said}.", retry_after=seconds)

    async def _gone(self, row: OutboxRow, name: str) -> None:
        try:
            async with self._pool.connection() as connection:
                await subscriptions.disable(connection, name, "it answered 410 Gone", but=row.id)
        except WrongSubscription:
            log.info("removed meanwhile", action="webhook_removed", subscription=name)
        except psycopg.OperationalError as error:  # it is asked again, and says so again
            raise Unreachable("Our database does not answer.") from error
        log.warning("subscription disabled", action="webhook_disabled", subscription=name)

    async def _note(
        self, row: OutboxRow, name: str, began: float, status: int | None, outcome: Outcome, said: str
    ) -> None:
        milliseconds = int(1000 * (time.monotonic() - began))
        kind = f"fairlead.{row.payload['action']}"
        try:
            async with self._pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO webhooks.attempts"
                    " (subscription, event_id, type, business_id, try, milliseconds, status, outcome, said)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (name, row.external_id, kind, row.business_id, row.tries + 1, milliseconds, status, outcome, said),
                )
        except psycopg.Error as error:  # what became of the event stands, whether or not it can be listed
            log.warning("attempt not noted", action="webhook_unnoted", reason=type(error).__name__)
