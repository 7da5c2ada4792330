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
from collections.abc import Collection, Iterable, Mapping

import httpx

from workers import __version__
from workers.runtime.errors import PermanentError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


_PLAIN = "{} is to be asked without TLS. Write https://, or name it among the trusted hosts."


class AddressRefused(PermanentError):
    """The address is not one that may be asked; the message says why, and how to allow it."""


def well_formed(url: str, trusted_hosts: Collection[str]) -> httpx.URL:
    """The address, if its form is one that may be asked: https, or http to a trusted host; no user or password in it.

    Raises:
        AddressRefused: it is not; the message repeats no part of it but the host.
    """
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        raise AddressRefused("The address is no URL; write https://host/path.") from None
    if not found.host or found.scheme not in {"http", "https"}:
        raise AddressRefused("The address is no URL; write https://host/path.")
    if found.scheme == "http" and found.host not in trusted_hosts:
        raise AddressRefused(_PLAIN.format(found.host))
    if found.userinfo:
        raise AddressRefused("The address holds a user or password; give secrets by the settings.")
    return found


async def judged(url: str, trusted_hosts: Collection[str]) -> httpx.URL:
    """The address, if it may be asked as things are now; each connection is judged again.

    Raises:
        AddressRefused: its form is wrong, its host has no address, or one that is not public.
    """
    found = well_formed(url, trusted_hosts)
    if found.host not in trusted_hosts:
        try:
            await public_address(found.host)
        except OSError:
            raise AddressRefused(f"{found.host} can't be resolved; is it written correctly?") from None
    return found


async def public_address(host: str) -> Address:
    """An address of the host; all that it has are public.

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


class GuardedTransport(httpx.AsyncBaseTransport):
    """Lets requests out to public addresses and to trusted hosts only."""

    def __init__(self, *, trusted_hosts: Iterable[str] = (), inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._trusted = frozenset(trusted_hosts)
        self._inner = inner or httpx.AsyncHTTPTransport(retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to an address of its host that was judged.

        Raises:
            AddressRefused: the host has an address that is not public, or is to be asked without TLS.
            httpx.ConnectError: the host has no address.
        """
        host = request.url.host
        if host not in self._trusted:
            if request.url.scheme != "https":
                raise AddressRefused(_PLAIN.format(host))
            try:
                address = await public_address(host)
            except OSError as error:
                raise httpx.ConnectError(f"{host} can't be resolved", request=request) from error
            # The certificate must still be the host's, and the server must see whom we mean.
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host=str(address))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class Door:
    """The way out to addresses that people gave, opened at the first request: most processes never make one."""

    def __init__(
        self,
        *,
        trusted_hosts: Iterable[str],
        seconds: float,
        headers: Mapping[str, str] | None = None,
        inner: httpx.AsyncBaseTransport | None = None,
        limits: httpx.Limits | None = None,
    ) -> None:
        """`inner` is the way to addresses that were judged; without it one of so many connections (`limits`)."""
        self._trusted = trusted_hosts
        self._seconds = seconds
        self._headers = {"User-Agent": f"fairlead/{__version__}", **(headers or {})}
        self._inner = inner
        self._limits = limits
        self._opened: httpx.AsyncClient | None = None

    @property
    def http(self) -> httpx.AsyncClient:
        """Goes where `GuardedTransport` does, and follows no redirect."""
        if self._opened is None:
            inner = self._inner
            if inner is None and self._limits is not None:
                inner = httpx.AsyncHTTPTransport(retries=0, limits=self._limits)
            self._opened = httpx.AsyncClient(
                transport=GuardedTransport(trusted_hosts=self._trusted, inner=inner),
                follow_redirects=False,
                timeout=httpx.Timeout(self._seconds),
                headers=self._headers,
            )
        return self._opened

    async def close(self) -> None:
        """Close the connections; the second call does nothing."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.aclose()


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
