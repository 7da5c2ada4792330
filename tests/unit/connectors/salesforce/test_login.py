"""Logging in to Salesforce, in two ways."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import ValidationError

from tests.simulators.salesforce.serving import Simulated
from tests.unit.connectors.salesforce.conftest import MakeClient
from workers.connectors.answers import REFUSED_SECONDS, SystemPause
from workers.connectors.making import NotConnected
from workers.connectors.salesforce.client import SalesforceClient
from workers.settings import Salesforce, Settings


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


@pytest.fixture
def signing(simulated: Simulated, key: rsa.RSAPrivateKey) -> dict[str, object]:
    """Settings of the JWT flow; the app has the certificate."""
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    simulated.door.public_key = public.decode()
    return {"client_secret": None, "private_key": pem(key), "username": simulated.door.username}


async def test_by_client_credentials(client: SalesforceClient, simulated: Simulated) -> None:
    session = await client.session()
    assert (session.user_id, session.org_id) == (simulated.org.user, simulated.org.org_id)
    assert await client.get("Lead", "00Q", ["Id"]) is None
    assert simulated.asked("oauth2") == 1


async def test_by_a_signed_token(make_client: MakeClient, simulated: Simulated, signing: dict[str, object]) -> None:
    simulated.door.lasts = 1
    client = make_client(**signing)
    for _ in range(2):
        assert await client.get("Lead", "00Q", ["Id"]) is None
    assert simulated.asked("oauth2") == 2


async def test_several_who_find_their_session_ended_log_in_once(client: SalesforceClient, simulated: Simulated) -> None:
    await client.session()
    simulated.door.sessions.clear()
    await asyncio.gather(*(client.get("Lead", "00Q", ["Id"]) for _ in range(8)))
    assert simulated.asked("oauth2") == 2


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"client_id": "another"}, "invalid_client_id.*CLIENT_ID"),
        ({"client_secret": "hidden one"}, r"invalid_client\).*CLIENT_SECRET"),
    ],
)
async def test_a_refused_log_in_parks_and_says_what_to_mend(
    make_client: MakeClient, simulated: Simulated, settings: dict[str, object], advice: str
) -> None:
    client = make_client(**settings)
    for _ in range(2):
        with pytest.raises(SystemPause, match=advice) as refused:
            await client.get("Lead", "00Q", ["Id"])
    assert refused.value.retry_after == pytest.approx(REFUSED_SECONDS, abs=5)
    assert "hidden" not in str(refused.value)
    assert len(simulated.door.asked) == 1  # a locked-out app is not asked again and again


@pytest.mark.parametrize("wrong", ["audience", "username", "certificate", "approved"])
async def test_a_signed_token_that_is_not_taken(
    make_client: MakeClient, simulated: Simulated, signing: dict[str, object], wrong: str
) -> None:
    door = simulated.door
    door.approved = wrong != "approved"
    if wrong == "audience":
        signing["audience"] = "https://test.salesforce.com"
    elif wrong == "username":
        signing["username"] = "somebody@example.com"
    elif wrong == "certificate":
        door.public_key = None
    with pytest.raises(SystemPause, match=r"invalid_grant.*the app, which needs the certificate"):
        await make_client(**signing).session()


def test_a_key_that_is_none_is_said_without_it(make_client: MakeClient) -> None:
    for odd in ("hidden text", pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(NotConnected, match="no RSA key in PEM") as wrong:
            make_client(client_secret=None, private_key=odd, username="u@example.com")
        assert odd not in str(wrong.value)


@pytest.mark.parametrize(
    "given",
    [
        {"client_id": "x", "client_secret": "y"},
        {"base_url": "https://acme.my.salesforce.com", "client_id": "x"},
        {"base_url": "https://acme.my.salesforce.com", "client_id": "x", "private_key": "y"},
        {"base_url": "http://acme.my.salesforce.com", "client_id": "x", "client_secret": "y"},
        {"base_url": "https://u:p@acme.my.salesforce.com", "client_id": "x", "client_secret": "y"},
    ],
)
def test_settings_that_can_not_be_right(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Salesforce.model_validate(given)


def test_salesforce_as_the_crm_needs_a_log_in() -> None:
    with pytest.raises(ValueError, match="FAIRLEAD_SALESFORCE__CLIENT_ID"):
        Settings(crm="salesforce")
