"""HTTP to other systems, at addresses that somebody configured: never to our own network, unless that was allowed.

Server-side request forgery (OWASP, "Server-Side Request Forgery Prevention Cheat Sheet"): an address in a setting must
not make us ask our database, the cloud's metadata service or a neighbour. The name is resolved here, once, each address is
judged, and the connection goes to the judged address, so that a second answer of the name server changes nothing.
Redirects are not followed; proxies of the environment are not used, as they would resolve the name again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

import httpx

from workers.runtime.errors import PermanentError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(PermanentError):
    """The address is not one that may be asked; the message says why, and how to allow it."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Lets requests out to public addresses and to trusted hosts only."""

    def __init__(self, *, trusted_hosts: Iterable[str] = (), inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._trusted = frozenset(trusted_hosts)
        self._inner = inner or httpx.AsyncHTTPTransport(retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to an address of its host that was judged.

        Raises:
            AddressRefused: the host has an address that is not public.
            httpx.ConnectError: the host has no address.
        """
        host = request.url.host
        if host not in self._trusted:
            try:
                address = await judged(host)
            except OSError as error:
                raise httpx.ConnectError(f"{host} can't be resolved", request=request) from error
            # The certificate must still be the host's, and the server must see whom we mean.
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host=str(address))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def judged(host: str) -> Address:
    """An address of a host, all of whose addresses are public.

    Raises:
        AddressRefused: one is not.
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not is_public(address):
            raise AddressRefused(
                f"{host} is {address}, which is not on the public internet. If it should be asked, name it among "
                "the trusted hosts."
            )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, also if it stands inside of an IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None,))[0] or _nat64(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """RFC 6052: the last 32 bits of 64:ff9b::/96."""
    if address not in ipaddress.IPv6Network("64:ff9b::/96"):
        return None
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
