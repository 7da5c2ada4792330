"""An app that was installed by OAuth: its tokens end, also in the middle of a batch."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulators.hubspot.serving import Simulated
from tests.unit.connectors.conftest import MakeClient, settings_of
from workers.connectors.answers import REFUSED_SECONDS, SystemPause
from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.records import Record


@pytest.fixture
def installed(simulated: Simulated, make_client: MakeClient) -> HubSpotClient:
    door = simulated.door
    return make_client(
        access_token=None, refresh_token=door.refresh_token, client_id=door.client_id, client_secret=door.client_secret
    )


async def test_a_token_that_ends_in_the_middle_of_a_batch_is_renewed_and_nothing_is_lost(
    installed: HubSpotClient, simulated: Simulated
) -> None:
    simulated.door.lasts = 1  # each holds for one request
    done = await installed.upsert("contacts", "fairlead_lead_id", {f"lead-{one}": {} for one in range(250)})
    assert len(done) == 250
    assert all(isinstance(one, Record) for one in done.values())
    assert len(simulated.account.records["contacts"]) == 250
    assert simulated.asked("/oauth/v3/token") == 3


async def test_of_many_who_find_it_expired_one_renews_it(installed: HubSpotClient, simulated: Simulated) -> None:
    await installed.owners()
    simulated.door.renewed["access-1-simulated"] = simulated.door.lasts = 100
    await asyncio.gather(*(installed.owners() for _ in range(8)))
    assert simulated.asked("/oauth/v3/token") == 2


async def test_a_refused_renewal_parks_and_shows_no_secret(installed: HubSpotClient, simulated: Simulated) -> None:
    simulated.door.refresh_token = "another"
    with pytest.raises(SystemPause, match="BAD_REFRESH_TOKEN") as refused:
        await installed.owners()
    assert refused.value.retry_after == REFUSED_SECONDS
    assert "refresh-simulated" not in str(refused.value)
    asked = simulated.asked("/oauth")
    with pytest.raises(SystemPause):
        await installed.owners()
    assert simulated.asked("/oauth") == asked


async def test_its_rights_came_with_the_token(installed: HubSpotClient, simulated: Simulated) -> None:
    assert await installed.scopes() == simulated.door.scopes
    assert simulated.asked("private-apps") == 0


def test_two_ways_to_log_in_are_one_too_many(simulated: Simulated) -> None:
    with pytest.raises(ValueError, match="REFRESH_TOKEN"):
        settings_of(simulated, refresh_token="r", client_id="c", client_secret="s")
    with pytest.raises(ValueError, match="CLIENT_ID"):
        settings_of(simulated, access_token=None, refresh_token="r")
