"""Most tests run with a simulated Salesforce and with a simulated HubSpot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.connectors.publishing.markets import Alignments, Market, SalesforceMarket, opened, simulated
from workers.connectors.hubspot.publishing import HubSpotRecords
from workers.connectors.salesforce.publishing import SalesforceRecords
from workers.runtime.database import Pool


@pytest.fixture(params=["salesforce", "hubspot"])
async def market(request: pytest.FixtureRequest, pool: Pool) -> AsyncIterator[Market]:
    with simulated(request.param) as made:
        async with opened(made, pool) as one:
            yield one


@pytest.fixture
async def of_salesforce(pool: Pool) -> AsyncIterator[SalesforceMarket]:
    with simulated("salesforce") as made:
        async with opened(made, pool) as one:
            assert isinstance(one, SalesforceMarket)
            yield one


@pytest.fixture
def alignments(market: Market) -> Alignments:
    return Alignments(market.resources)


@pytest.fixture
def by_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records are written at once."""
    monkeypatch.setattr(SalesforceRecords, "batch", 2)
    monkeypatch.setattr(HubSpotRecords, "batch", 2)
