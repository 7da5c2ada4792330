"""An address in a setting never leads into our own network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import httpx
import pytest

from tests.simulators.hubspot.serving import Simulated
from workers.connectors.outbound import AddressRefused, GuardedTransport, is_public
from workers.settings import HubSpot


class Inner(httpx.AsyncBaseTransport):
    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(200)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "192.0.2.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://0x7f.1/", "https://2130706433/"]
)
async def test_our_own_network_is_not_asked(url: str) -> None:
    inner = Inner()
    async with httpx.AsyncClient(transport=GuardedTransport(inner=inner)) as client:
        with pytest.raises((AddressRefused, httpx.ConnectError)):
            await client.get(url)
    assert inner.sent == []


async def test_the_address_that_was_judged_is_the_one_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers otherwise the second time changes nothing."""
    answers = [["8.8.8.8"], ["127.0.0.1"], ["8.8.8.8", "10.0.0.1"]]

    async def resolved(_loop: object, _host: str, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in answers.pop(0)]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolved)
    inner = Inner()
    async with httpx.AsyncClient(transport=GuardedTransport(inner=inner)) as client:
        await client.get("https://api.example.com/x")
        for _ in range(2):  # then a private one, then a private one among others
            with pytest.raises(AddressRefused, match="trusted hosts"):
                await client.get("https://api.example.com/x")
    [sent] = inner.sent
    assert (sent.url.host, sent.headers["host"], sent.extensions["sni_hostname"]) == (
        "8.8.8.8",
        "api.example.com",
        "api.example.com",
    )


async def test_a_trusted_host_is_asked(bare: Simulated) -> None:
    async with httpx.AsyncClient(transport=GuardedTransport(trusted_hosts=["127.0.0.1"])) as client:
        assert (await client.get(f"{bare.url}/nowhere")).status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "http://api.hubapi.com",
        "ftp://api.hubapi.com",
        "https://",
        "api.hubapi.com",
        "https://u:p@api.hubapi.com",
        "https://x/?key=1",
        "file:///etc/passwd",
    ],
)
def test_a_base_url_has_the_right_form(url: str) -> None:
    with pytest.raises(ValueError, match="base_url must"):
        HubSpot(base_url=url)
    HubSpot(base_url="http://127.0.0.1:1", trusted_hosts=["127.0.0.1"])
