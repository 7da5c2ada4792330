"""Salesforce's Pub/Sub API: events over gRPC. Beside `runtime.zeebe` the only module that imports grpc (ADR 32).

https://developer.salesforce.com/docs/platform/pub-sub-api/guide/rpc-methods.html; errors:
https://developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from workers.connectors.answers import NAME, SystemDown, SystemRefused
from workers.connectors.outbound import public_address
from workers.connectors.salesforce import eventbus
from workers.connectors.salesforce.client import SalesforceClient
from workers.connectors.salesforce.login import Session

MOST_EVENTS = 100
"""That may be asked for at once."""
ASK_SECONDS = 10.0
"""Of a single question."""

_OPTIONS = [
    ("grpc.max_receive_message_length", 128 * 1024 * 1024),  # 100 events of 1 MB
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 10_000),
]


class StreamBroken(SystemDown):
    """The stream of events broke off; it is opened anew, after what was taken last."""


class SessionEnded(StreamBroken):
    """Our session is refused; with a new one the stream is opened anew."""


class ReplayLost(StreamBroken):
    """Salesforce can't go on after what was taken last: that is older than its 72 hours, or no place of this stream."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened."""

    schema_id: str
    payload: bytes
    """Avro, by the schema."""
    replay_id: bytes
    """After which place in the stream to go on; opaque."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some events; none, to say that the line is alive."""

    events: Sequence[Event]
    latest: bytes
    """The newest place in the stream; empty: not told."""


class Subscription:
    """A stream of one topic's events."""

    def __init__(self, call: grpc.aio.StreamStreamCall) -> None:
        self._call = call
        self._reading: asyncio.Future[Any] | None = None

    async def next(self, seconds: float) -> Batch | None:
        """What comes next; None: nothing within so many seconds, and nothing is lost by that.

        Raises:
            StreamBroken: the stream ended, see its subclasses.
            SystemRefused: Salesforce does not give us this topic.
        """
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
        await asyncio.wait({self._reading}, timeout=seconds)
        if not self._reading.done():
            return None
        reading, self._reading = self._reading, None
        try:
            response = reading.result()
        except grpc.aio.AioRpcError as error:
            raise translated(error) from error
        if response is grpc.aio.EOF:
            raise StreamBroken("Salesforce ended the stream of events.")
        events = [Event(one.event.schema_id, one.event.payload, one.replay_id) for one in response.events]
        return Batch(events, response.latest_replay_id)

    async def more(self, number: int) -> None:
        """Ask for so many more.

        Raises:
            StreamBroken, SystemRefused: as `next`.
        """
        await self._write(eventbus.FetchRequest(num_requested=number))

    async def begin(self, topic: str, after: bytes | None) -> None:
        """Ask for a topic's first events: those after a place, None: those from now on.

        Raises:
            StreamBroken, SystemRefused: as `next`.
        """
        start: dict[str, Any] = {"replay_preset": eventbus.LATEST}
        if after is not None:
            start = {"replay_preset": eventbus.CUSTOM, "replay_id": after}
        await self._write(eventbus.FetchRequest(topic_name=topic, num_requested=MOST_EVENTS, **start))

    async def close(self) -> None:
        """End the stream."""
        self._call.cancel()
        if self._reading is not None:
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
                await self._reading

    async def _write(self, request: Message) -> None:
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            raise translated(error) from error
        except asyncio.InvalidStateError as error:  # it ended meanwhile; why, the next reading says
            raise StreamBroken("Salesforce ended the stream of events.") from error


class PubSub:
    """The event bus of one organisation; logs in as its client does."""

    def __init__(self, address: str, client: SalesforceClient, *, trusted_hosts: Collection[str]) -> None:
        """`address`: ``host:port``; of a trusted host without TLS."""
        self._address = address
        self._client = client
        self._trusted = frozenset(trusted_hosts)
        self._channel: grpc.aio.Channel | None = None
        self._session: Session | None = None

    async def close(self) -> None:
        """Close the connection."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def can_subscribe(self, topic: str) -> bool:
        """Whether our user may subscribe to a topic.

        Raises:
            SystemDown, SystemPause: no answer, or the log-in is refused.
            SystemRefused: there is no such topic.
            AddressRefused: the address is not one that may be asked.
        """
        asked = eventbus.TopicRequest(topic_name=topic)
        return bool((await self._ask("GetTopic", asked, eventbus.TopicInfo)).can_subscribe)

    async def schema(self, schema_id: str) -> str:
        """An Avro schema, in JSON; errors as `can_subscribe`."""
        asked = eventbus.SchemaRequest(schema_id=schema_id)
        return str((await self._ask("GetSchema", asked, eventbus.SchemaInfo)).schema_json)

    @contextlib.asynccontextmanager
    async def subscribed(self, topic: str, after: bytes | None) -> AsyncIterator[Subscription]:
        """A stream of a topic's events after a place; None: from now on. Errors as `Subscription.next`."""
        method = (await self._connected()).stream_stream(
            f"{eventbus.SERVICE}Subscribe",
            request_serializer=eventbus.FetchRequest.SerializeToString,
            response_deserializer=eventbus.FetchResponse.FromString,
        )
        subscription = Subscription(method(metadata=await self._who()))
        try:
            await subscription.begin(topic, after)
            yield subscription
        finally:
            await subscription.close()

    async def renew(self) -> None:
        """Log in anew: the session was refused."""
        self._session = await self._client.session(instead_of=self._session)

    async def _ask(self, method: str, request: Message, answer: type[Message]) -> Message:
        asked = (await self._connected()).unary_unary(
            f"{eventbus.SERVICE}{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        for tried in (1, 2):
            try:
                return await asked(request, metadata=await self._who(), timeout=ASK_SECONDS)
            except grpc.aio.AioRpcError as error:
                found = translated(error)
                if tried == 2 or not isinstance(found, SessionEnded):
                    raise found from error
                await self.renew()
        raise AssertionError("the second try returns or raises")

    async def _who(self) -> tuple[tuple[str, str], ...]:
        self._session = session = await self._client.session()
        return (
            ("accesstoken", session.token),
            ("instanceurl", session.instance_url),
            ("tenantid", session.org_id),
        )

    async def _connected(self) -> grpc.aio.Channel:
        """The channel, to an address that was judged; see `connectors.outbound`."""
        if self._channel is None:
            host, _, port = self._address.rpartition(":")
            if host in self._trusted:
                self._channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
                return self._channel
            try:
                found = await public_address(host)
            except OSError as error:
                raise StreamBroken(f"{host} can't be resolved.") from error
            target = f"ipv6:[{found}]:{port}" if isinstance(found, ipaddress.IPv6Address) else f"ipv4:{found}:{port}"
            # The certificate must still be the host's, and the server must see whom we mean.
            named = [("grpc.ssl_target_name_override", host), ("grpc.default_authority", host)]
            self._channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=_OPTIONS + named)
        return self._channel


def translated(error: grpc.aio.AioRpcError) -> StreamBroken | SystemRefused:
    """What an error of gRPC means; Salesforce's own code stands among its trailing metadata."""
    told = {str(key): value for key, value in error.trailing_metadata() or ()}.get("error-code", "")
    code = told if isinstance(told, str) and NAME.fullmatch(told) else error.code().name
    if error.code() is grpc.StatusCode.UNAUTHENTICATED or "auth." in code:
        return SessionEnded(f"Salesforce's event bus refuses our session ({code}).")
    if "replayid" in code:
        return ReplayLost(f"Salesforce can't go on after the last event that was taken ({code}).")
    if error.code() in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}:
        return SystemRefused(
            f"Salesforce does not give us the events ({code}). Choose Lead in Setup → Change Data Capture, give our user View "
            "All on Lead, and see FAIRLEAD_SALESFORCE__TOPIC."
        )
    return StreamBroken(f"Salesforce's event bus did not answer ({code}); it is asked again.")
