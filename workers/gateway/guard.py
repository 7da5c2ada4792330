"""Who may come in, how fast, and when nobody may: tokens, rate limits, admission control."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from typing import NoReturn
from urllib.parse import urlsplit

from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from workers.connectors.webhooks import UnusableSecret, standard_key
from workers.gateway.access import Access, Client
from workers.gateway.backlog import Waiting
from workers.gateway.people import People
from workers.gateway.problems import Refusal, busy
from workers.settings import Settings
from workers.settings_access import ApiToken

WINDOW_SECONDS = 10
"""Length of the moving window; long enough for a batch to fit in at once."""
WRONG_TOKENS = RateLimitItemPerSecond(20, 10)
"""Wrong tokens taken from one address before it is told to wait."""


class ConfigurationError(Exception):
    """The gateway can't start with these settings; the message says what to do."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_settings(settings: Settings, host: str) -> None:
    """Refuse to open a door without a lock.

    Raises:
        ConfigurationError: no token and an address that others can reach, a token that is easy to guess, or a secret of
            webhooks that is none.
    """
    tokens = [one.token.get_secret_value() for one in settings.gateway.api_tokens]
    if any(len(token) < 16 for token in tokens):
        raise ConfigurationError(
            "An API token has fewer than 16 characters. Make one with `openssl rand -hex 32` and set "
            "FAIRLEAD_GATEWAY__API_TOKENS, a JSON list."
        )
    names = [one.name for one in settings.gateway.api_tokens if one.name]
    if len(set(names)) < len(names) or len(set(tokens)) < len(tokens):
        raise ConfigurationError("Two API tokens are the same, or have the same name, in FAIRLEAD_GATEWAY__API_TOKENS.")
    if not tokens and settings.openid.issuer is None and not is_loopback(host):
        raise ConfigurationError(
            f"Without an API token the gateway listens on loopback only, not on {host}. "
            "Set FAIRLEAD_GATEWAY__API_TOKENS='[\"…\"]', or use --host 127.0.0.1."
        )
    for source, secrets in settings.webhooks.secrets.items():
        try:
            for secret in secrets:
                standard_key(secret.get_secret_value())
        except UnusableSecret as error:
            raise ConfigurationError(f"FAIRLEAD_WEBHOOKS__SECRETS, source {source}: {error}") from None


class Guard:
    """Checks each request; one for each process."""

    def __init__(self, settings: Settings, people: People | None = None) -> None:
        """`people`: whose access tokens are taken beside the API's own; None: nobody's."""
        gateway = settings.gateway
        self._people = people
        self._clients = {_digest(one.token.get_secret_value()): _client_of(one) for one in gateway.api_tokens}
        public = urlsplit(settings.gateway_url).hostname
        self._names = {"localhost", "127.0.0.1", "::1"} | ({public} if public else set())
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        # A full batch must fit into the window, or it could never be sent.
        window = max(WINDOW_SECONDS, math.ceil(gateway.max_batch / gateway.rate_per_second))
        self._leads = RateLimitItemPerSecond(gateway.rate_per_second * window, window, namespace="leads")
        self._requests = RateLimitItemPerSecond(gateway.rate_per_second * window, window, namespace="requests")
        self._max_waiting = gateway.max_waiting
        self._max_lag = gateway.max_lag_seconds
        self._max_batch = gateway.max_batch

    async def client(self, request: Request) -> Client:
        """Who sent the request, if it may come in.

        Raises:
            Refusal: 401, no or a wrong token; 421, without tokens: a name that isn't this machine's (a web page that
                had its own name point here); 429, too many requests.
        """
        address = request.client.host if request.client else "unknown"
        if self.locked:
            client = await self._known(_bearer_of(request), address)
        else:
            if (request.url.hostname or "") not in self._names:
                detail = "Without API tokens the gateway answers under localhost and its public URL only."
                raise Refusal(421, None, detail)
            client = Client(address)
        await self._hit(self._requests, client, 1, "Too many requests.")
        return client

    @property
    def locked(self) -> bool:
        """Whether who comes is asked who they are."""
        return bool(self._clients) or self._people is not None

    @property
    def tokens(self) -> bool:
        """Whether API tokens are in use."""
        return bool(self._clients)

    def named(self, client_id: str) -> Client | None:
        """The client of an API token in use, by its id."""
        return next((one for one in self._clients.values() if hmac.compare_digest(one.id, client_id)), None)

    async def bearer(self, request: Request, token: str) -> Client:
        """The client of an API token that was given elsewhere than in the header.

        Raises:
            Refusal: 401, it is none; 429, too many wrong ones from there.
        """
        address = request.client.host if request.client else "unknown"
        return self._api_token(token) or await self._wrong(address)

    async def page_visitor(self, request: Request) -> None:
        """Limit the rate of pages, which people open without a token.

        Raises:
            Refusal: 429.
        """
        address = request.client.host if request.client else "unknown"
        await self._hit(self._requests, Client(address), 1, "Too many requests.")

    async def leads(self, client: Client, number: int) -> None:
        """Count leads against the client's rate.

        Raises:
            Refusal: 429 with Retry-After.
        """
        await self._hit(self._leads, client, number, f"More leads than the {self._leads.amount} that fit in "
                        f"{self._leads.multiples} s. Nothing of this request was taken.")  # fmt: skip

    def admit(self, waiting: Waiting) -> None:
        """Let leads in only while the engine can follow; what was accepted is never lost, but it must not pile up.

        Raises:
            Refusal: 503 with Retry-After, too many messages wait for the engine, or they wait too long.
        """
        if waiting.rows >= self._max_waiting:
            detail = f"{waiting.rows} leads are waiting for the engine. Nothing of this request was taken."
        elif waiting.lag_seconds > self._max_lag and waiting.rows >= self._max_batch:
            detail = f"Leads have been waiting for the engine for {waiting.lag_seconds:.0f} s. Nothing was taken."
        else:
            return
        raise busy("engine-behind", detail, status=503, retry_after=30)

    async def _known(self, given: str, address: str) -> Client:
        client = self._api_token(given)
        if client is None and self._people is not None:
            client = await self._people.of_access_token(given)
        return client or await self._wrong(address)

    def _api_token(self, given: str) -> Client | None:
        # latin-1 is how Starlette decodes headers: this gives the bytes that were sent.
        digest = hashlib.sha256(given.strip().encode("latin-1", "replace")).digest()
        found = [
            one for known, one in self._clients.items() if hmac.compare_digest(digest, known)
        ]  # all: constant time
        return found[0] if found else None

    async def _wrong(self, address: str) -> NoReturn:
        if not await self._limiter.hit(WRONG_TOKENS, "token", address):
            raise busy("too-many-requests", "Too many wrong tokens.", status=429, retry_after=10)
        detail = "Send a valid API token: `Authorization: Bearer …`."
        raise Refusal(401, None, detail, headers={"WWW-Authenticate": 'Bearer realm="fairlead"'})

    async def _hit(self, item: RateLimitItem, client: Client, cost: int, detail: str) -> None:
        if await self._limiter.hit(item, client.id, cost=cost):
            return
        reset, _ = await self._limiter.get_window_stats(item, client.id)
        raise busy("too-many-requests", detail, status=429, retry_after=max(1.0, reset - time.time()))


def _bearer_of(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given if scheme.lower() == "bearer" else ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _client_of(given: ApiToken) -> Client:
    digest = _digest(given.token.get_secret_value()).hex()
    return Client(digest[:16], token=True, name=given.name, access=Access(given.roles, given.teams))
