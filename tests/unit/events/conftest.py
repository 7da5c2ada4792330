"""A real broker for all tests of events, and topics of each test's own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka import AIOKafkaProducer

from tests.kafka_broker import Broker
from workers.settings import Settings


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka")) as one:
        yield one


@pytest.fixture
def configured(broker: Broker) -> Settings:
    """Settings with topics and a group that nobody used before."""
    own = secrets.token_hex(4)
    return Settings.model_validate(
        {
            "kafka": {
                "bootstrap_servers": broker.address,
                "topics_in": {f"leads-{own}": "partner"},
                "topic_out": f"cases-{own}",
                "group": f"group-{own}",
            }
        }
    )


@pytest.fixture
def topic(configured: Settings) -> str:
    """The one that is read."""
    (one,) = configured.kafka.topics_in
    return one


@pytest.fixture
async def sender(broker: Broker) -> AsyncIterator[AIOKafkaProducer]:
    one = AIOKafkaProducer(bootstrap_servers=broker.address)
    await one.start()
    yield one
    await one.stop()
