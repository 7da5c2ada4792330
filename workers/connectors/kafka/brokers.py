"""Settings → clients of the brokers (aiokafka), and what their errors mean."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from ssl import SSLContext
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)
from aiokafka.helpers import create_ssl_context

from workers.runtime.errors import PermanentError, TransientError, Unreachable
from workers.settings import Kafka

log = structlog.get_logger()

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
REQUEST_MS = 20_000
"""Within the time of one delivery of the outbox."""

REFUSED = (
    AuthenticationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)


class NotConnected(Exception):
    """Kafka is asked for, but how to reach it is not set."""


def common(kafka: Kafka) -> dict[str, Any]:  # Any: aiokafka's own options
    """What both kinds of clients are given.

    Raises:
        NotConnected: no brokers are named, or the file of their authority can't be used.
    """
    if kafka.bootstrap_servers is None:
        raise NotConnected("No brokers are named: set FAIRLEAD_KAFKA__BOOTSTRAP_SERVERS (docs/events.md).")
    context: SSLContext | None = None
    if kafka.tls:
        try:
            context = create_ssl_context(cafile=None if kafka.ca_file is None else str(kafka.ca_file))
        except OSError as error:  # ssl.SSLError is one
            raise NotConnected(f"FAIRLEAD_KAFKA__CA_FILE can't be used ({type(error).__name__}).") from None
    given: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": "fairlead",
        "ssl_context": context,
        "security_protocol": ("SASL_" if kafka.username else "") + ("SSL" if kafka.tls else "PLAINTEXT"),
    }
    if kafka.username and kafka.password:
        given |= {
            "sasl_mechanism": kafka.sasl,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": kafka.password.get_secret_value(),
        }
    return given


def consumer(kafka: Kafka, topics: Collection[str] = (), *, group: str | None) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself. Raises as `common`."""
    return AIOKafkaConsumer(
        *topics,
        **common(kafka),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )


def producer(kafka: Kafka) -> AIOKafkaProducer:
    """A producer whose records are on all replicas, once for each call, before it says so. Raises as `common`."""
    return AIOKafkaProducer(**common(kafka), acks="all", enable_idempotence=True, request_timeout_ms=REQUEST_MS)


async def insisting(what: str, act: Callable[[], Awaitable[object]], stop: asyncio.Event) -> bool:
    """Do something at the brokers until it is done; False if we are to stop before.

    Raises:
        KafkaError: we are refused, which time alone won't change.
    """
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            await act()
        except REFUSED:
            raise
        except KafkaError as error:
            log.warning(what, action="kafka_again", reason=type(error).__name__, pause=round(pause, 1))
            await rest(pause, stop)
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
        else:
            return True
    return False


async def rest(seconds: float, stop: asyncio.Event) -> None:
    """Wait about so long, or until we are to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds * random.uniform(0.8, 1.2))  # noqa: S311 - not all at once
    except TimeoutError:
        return


def meaning(error: KafkaError) -> TransientError | PermanentError:
    """What a failed delivery is to the outbox: the message says what to do, and holds nothing of the record."""
    match error:
        case MessageSizeTooLargeError():
            return PermanentError("The brokers take no record of this size: raise max.message.bytes of the topic.")
        case _ if isinstance(error, REFUSED):
            return TransientError(
                f"The brokers refuse us ({type(error).__name__}): mend FAIRLEAD_KAFKA__USERNAME and the topic's rights."
            )
    return Unreachable(f"The brokers do not take the record ({type(error).__name__}).")
