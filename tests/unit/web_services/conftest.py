"""Another system, the settings by which diagrams may ask it, and an engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulators.orders import TOKEN, WSDL, Orders, orders
from workers.engine.embedded import EmbeddedEngine
from workers.settings import Settings, WebServices


@pytest.fixture
def other() -> Iterator[Orders]:
    with orders() as found:
        yield found


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine() as started:
        yield started


def allowed(other: Orders) -> Settings:
    """Diagrams may ask this machine, with the token of the orders."""
    given = {
        "secrets": {"ORDERS": {"value": TOKEN, "hosts": ["127.0.0.1"]}},
        "soap": {"orders": {"wsdl": WSDL, "url": f"{other.url}/soap"}},
        "trusted_hosts": ["127.0.0.1"],
    }
    return Settings(web_services=WebServices.model_validate(given))
