"""What no connector may do, whatever the other side answers: follow it elsewhere, tell secrets, choke on odd characters."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from tests.simulators.serving import listening
from workers.connectors.answers import REPLACEMENT, SystemDown, SystemPause, SystemRefused, parsed
from workers.connectors.hubspot import login as hubspot_login
from workers.connectors.hubspot import making as hubspot
from workers.connectors.hubspot import pace as hubspot_pace
from workers.connectors.outbound import AddressRefused
from workers.connectors.salesforce import login as salesforce_login
from workers.connectors.salesforce import making as salesforce
from workers.connectors.salesforce import pace as salesforce_pace
from workers.connectors.sap import making as sap
from workers.connectors.workday import making as workday
from workers.settings import HubSpot, Salesforce, Sap, Workday

SECRET = "Pl4nted-secret"
METADATA = "http://169.254.169.254/latest/meta-data/"
PATHS = "/{path:path}"
METHODS = ["GET", "POST", "PATCH"]

Ask = Callable[[], Awaitable[object]]


class Elsewhere:
    """A server that nobody should ask; it would answer any log-in."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.app = FastAPI(openapi_url=None)

        @self.app.api_route(PATHS, methods=METHODS)
        async def anything(request: Request) -> dict[str, Any]:
            self.asked.append(f"{request.method} {request.url} {request.headers} {await request.body()!r}")
            return {"access_token": "x", "id": "https://x/id/00D/005", "results": [], "records": [], "done": True}


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    one = Elsewhere()
    with listening(one.app) as url:
        one.url = url
        yield one


def asks(url: str, *trusted: str) -> dict[str, Ask]:
    """Each connector's log-in, and a request that carries what it gave."""
    there = {"base_url": url, "trusted_hosts": list(trusted)}
    private = HubSpot.model_validate({**there, "access_token": SECRET})
    app = HubSpot.model_validate({**there, "refresh_token": f"{SECRET}-r", "client_id": "app", "client_secret": SECRET})
    org = Salesforce.model_validate({**there, "client_id": "app", "client_secret": SECRET})

    def asked(settings: HubSpot) -> Ask:
        client = hubspot.client(settings, hubspot_login.Login(settings), hubspot_pace.Pace(), seconds=5.0)
        return lambda: client.update("contacts", {"1": {"city": "Vigo"}})

    user, flow = {"username": "us", "password": SECRET}, {"client_id": "app", "client_secret": SECRET}
    tenant = {**there, "tenant": "acme", "workers_report": "us/people"}
    reports = [Workday.model_validate({**tenant, **one}) for one in (user, {**flow, "refresh_token": f"{SECRET}-r"})]
    partners = [Sap.model_validate({**there, **one}) for one in (user, {**flow, "token_url": f"{url}/oauth/token"})]

    def read(settings: Workday) -> Ask:
        client = workday.client(settings)
        return lambda: client.report("us/people", {}, {"name"})

    def found(settings: Sap) -> Ask:
        client = sap.client(settings, seconds=5.0)
        return lambda: client.find("A_BusinessPartner", "BusinessPartner eq '1'", order="BusinessPartner")

    there_too = salesforce.client(org, salesforce_login.Login(org), salesforce_pace.Pace(), seconds=5.0)
    return {
        "token": asked(private),
        "refresh": asked(app),
        "salesforce": lambda: there_too.query("SELECT Id FROM Lead"),
        **{f"workday {number}": read(one) for number, one in enumerate(reports)},
        **{f"sap {number}": found(one) for number, one in enumerate(partners)},
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_no_credentials_go_elsewhere(elsewhere: Elsewhere, status: int) -> None:
    """Neither to somebody's server nor to the cloud's metadata service."""
    app, seen = FastAPI(openapi_url=None), []

    @app.api_route(PATHS, methods=METHODS)
    async def away(request: Request) -> Response:
        seen.append(request.method)
        target = METADATA if len(seen) % 2 else f"{elsewhere.url}/services/oauth2/token"
        return RedirectResponse(target, status)

    with listening(app) as url:
        for ask in [*asks(url, "127.0.0.1").values(), *asks(url, "127.0.0.1").values()]:
            with pytest.raises((SystemDown, SystemRefused, SystemPause)) as refused:
                await ask()
            assert SECRET not in str(refused.value)
            assert "169.254" not in str(refused.value)
    assert len(seen) == 2 * len(asks(url, "127.0.0.1"))
    assert elsewhere.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433"])
async def test_a_base_url_in_our_own_network_is_not_asked(elsewhere: Elsewhere, host: str) -> None:
    port = elsewhere.url.rpartition(":")[2]
    for ask in asks(f"https://{host}:{port}").values():
        with pytest.raises((AddressRefused, SystemDown)) as refused:
            await ask()
        assert SECRET not in str(refused.value)
    assert elsewhere.asked == []


ODD = "e\N{COMBINING ACUTE ACCENT} \N{RIGHT-TO-LEFT OVERRIDE}\u0645\u0631\u062d\u0628\u0627 \N{FOX FACE} \u682a"


def test_characters_that_nothing_can_hold_are_replaced_and_all_others_stay() -> None:
    assert parsed(json.dumps({"name": [ODD]}).encode()) == {"name": [ODD]}
    assert parsed(json.dumps({"name": ODD}, ensure_ascii=False).encode()) == {"name": ODD}
    for odd in (rb"\u0000", rb"\ud800", rb"\uDFFF", b"\xed\xa0\x80"):
        found = parsed(b'{"a' + odd + b'": [{"b": "c' + odd + b'", "n": 1}], "ok": true}')
        assert found == {f"a{REPLACEMENT}": [{"b": f"c{REPLACEMENT}", "n": 1}], "ok": True}
    for none in (b'{"a": "\xff"}', b"[" * 100_000, b'{"a": ' + b"9" * 5_000 + b"}", b'{"id": "1", "prop', b""):
        assert parsed(none) is None
