"""An OpenID Connect provider as we speak to it: its addresses and keys, the authorization code flow, tokens that hold.

OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; PKCE by RFC 7636. oauthlib writes and reads the messages of
OAuth, PyJWT checks signatures; what both leave to their user is here.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient
from pydantic import BaseModel, ConfigDict, ValidationError

from workers.settings_access import OpenId

log = structlog.get_logger()

Claims = Mapping[str, Any]  # Any: JSON

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric ones only: a public key must never count as a shared secret, nor no signature as one."""
TIMEOUT_SECONDS = 5.0
FRESH_SECONDS = 600.0
"""How long the provider's addresses and keys count; a key that is not among them is asked for at once."""
ASK_SECONDS = 10.0
"""But not more often than that, whatever keys tokens name."""
AWAY_SECONDS = 6.0
"""How long a provider that gave no answer is not asked again; more than it is waited for."""
NOT_FOR_APIS = {"ID", "Refresh", "Offline", "Logout"}
"""What Keycloak calls its other tokens in ``typ``."""


class ProviderAway(Exception):
    """The provider gives no usable answer; the message says what it was asked."""


class NotSignedIn(Exception):
    """The provider, or a look at what it sent, says no; the message says why, without any secret."""


class _Document(BaseModel):
    """What is needed of the discovery document."""

    model_config = ConfigDict(extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in under way; only the browser that began it can end it."""

    state: str
    nonce: str
    verifier: str
    back: str
    """The page to go to after it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider gave."""

    claims: Claims
    """Of the ID token, which was checked."""
    id_token: str
    refresh_token: str | None
    seconds: float
    """How long it counts, if it cannot be refreshed."""


class Provider:
    """One for each process."""

    def __init__(self, settings: OpenId, redirect_uri: str) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._issuer = settings.issuer or ""
        self._tls = ssl.create_default_context(cafile=settings.ca_file)
        self._reading = asyncio.Lock()
        self._document: _Document | None = None
        self._keys: jwt.PyJWKSet | None = None
        self._read_at = self._failed_at = -FRESH_SECONDS

    async def begin(self, back: str, *, anew: bool = False) -> tuple[str, Flow]:
        """Where to send a browser, and what it must bring back; `anew`: also whoever is signed in there is asked again.

        Raises:
            ProviderAway
        """
        document = await self._discovered()
        oauth = self._oauth()
        verifier = oauth.create_code_verifier(64)
        flow = Flow(secrets.token_urlsafe(24), secrets.token_urlsafe(24), verifier, back)
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": oauth.create_code_challenge(verifier, "S256"),
            "code_challenge_method": "S256",
            **({"prompt": "login"} if anew else {}),
        }
        return str(add_params_to_uri(document.authorization_endpoint, asked.items())), flow

    async def finish(self, flow: Flow, answered: Mapping[str, str]) -> Tokens:
        """Who came back from the provider with this query.

        Raises:
            NotSignedIn
            ProviderAway
        """
        if not hmac.compare_digest(answered.get("state", "").encode(), flow.state.encode()):
            raise NotSignedIn("it is not the sign-in that this browser began")
        # RFC 9207: so that no other provider's answer is taken for this one's.
        if answered.get("iss", self._issuer) != self._issuer:
            raise NotSignedIn("another provider answered")
        if "error" in answered:
            raise NotSignedIn(f"the provider says {answered['error'][:100]!r}")
        body = self._oauth().prepare_request_body(
            code=answered.get("code", ""), redirect_uri=self._redirect_uri, code_verifier=flow.verifier
        )
        return await self._tokens(body, flow.nonce)

    async def refresh(self, refresh_token: str) -> Tokens:
        """The same person's tokens as they are now.

        Raises:
            NotSignedIn: the provider ended the session, or the person may come in no more.
            ProviderAway
        """
        body = self._oauth().prepare_refresh_body(refresh_token=refresh_token, client_id=self._settings.client_id)
        found = await self._tokens(body, None)
        return found if found.refresh_token else Tokens(found.claims, found.id_token, refresh_token, found.seconds)

    async def access_token(self, given: str, audience: str) -> Claims:
        """The claims of an access token that was made for us.

        Raises:
            NotSignedIn: it is not, or it does not hold.
            ProviderAway: its key is not known.
        """
        claims = await self._verified(given, audience)
        # ID tokens name the client as their audience, which may be ours: they are for who signed in, not for an API.
        if claims.get("typ") in NOT_FOR_APIS or claims.keys() & {"nonce", "at_hash"}:
            raise NotSignedIn("it is no access token")
        return claims

    async def end_session(self, id_token: str, back: str) -> str | None:
        """Where a browser ends its session at the provider, and comes back from; None: the provider has no such place.

        Raises:
            ProviderAway
        """
        address = (await self._discovered()).end_session_endpoint
        given = {
            "id_token_hint": id_token,
            "post_logout_redirect_uri": back,
            "client_id": self._settings.client_id,
        }
        return str(add_params_to_uri(address, given.items())) if address else None

    def _oauth(self) -> WebApplicationClient:
        # It keeps what it reads: one for several people would mix them up.
        return WebApplicationClient(self._settings.client_id)

    async def _tokens(self, body: str, nonce: str | None) -> Tokens:
        document = await self._discovered()
        secret = self._settings.client_secret
        auth = httpx.BasicAuth(self._settings.client_id, secret.get_secret_value()) if secret else None
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = await self._ask("POST", document.token_endpoint, content=body, headers=headers, auth=auth)
        if answer.status_code >= 500:
            raise ProviderAway(f"{document.token_endpoint}: HTTP {answer.status_code}")
        try:
            found = self._oauth().parse_request_body_response(answer.text)
        except OAuth2Error as error:
            raise NotSignedIn(f"the provider says {error.error!r}") from None
        except AttributeError:  # JSON, but no object
            raise ProviderAway(f"{document.token_endpoint}: what it gives is no answer of OAuth") from None
        id_token = found.get("id_token")
        if not isinstance(id_token, str):
            raise NotSignedIn("the provider gave no ID token; is `openid` among the scopes?")
        claims = await self._verified(id_token, self._settings.client_id)
        # OpenID Connect Core, 3.1.3.7: what PyJWT does not look at. A refreshed token may leave the nonce out (12.2).
        if nonce is not None and not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise NotSignedIn("the ID token is of another sign-in")
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise NotSignedIn("the ID token was made for another client")
        return Tokens(claims, id_token, found.get("refresh_token"), float(found.get("expires_in") or 300))

    async def _verified(self, token: str, audience: str) -> Claims:
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"))
            claims: Claims = jwt.decode(
                token, key, algorithms=ALGORITHMS, audience=audience, issuer=self._issuer,
                leeway=self._settings.clock_skew_seconds, options={"require": ["exp", "iat", "iss", "sub", "aud"]},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise NotSignedIn(f"the token does not hold: {type(error).__name__}") from None
        return claims

    async def _key(self, name: object) -> jwt.PyJWK:
        await self._discovered()
        for again in (True, False):
            keys = list(self._keys or ())
            found = [one for one in keys if one.key_id == name] if name is not None else keys
            if len(found) == 1:
                return found[0]
            if again:
                await self._read(ASK_SECONDS)
        raise NotSignedIn("no key of the provider has the name that the token says")

    async def _discovered(self) -> _Document:
        await self._read(FRESH_SECONDS)
        assert self._document is not None
        return self._document

    async def _read(self, fresh: float) -> None:
        """Read the provider's addresses and keys, if they were not in so many seconds."""
        async with self._reading:
            now = time.monotonic()
            if now - self._read_at < fresh:
                return
            # Those who wait for the same answer need not each wait for none.
            if now - self._failed_at < AWAY_SECONDS:
                raise ProviderAway(f"{self._issuer} did not answer a moment ago")
            self._failed_at = now
            address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                document = _Document.model_validate_json((await self._ask("GET", address)).content)
                keys = jwt.PyJWKSet.from_dict((await self._ask("GET", document.jwks_uri)).json())
            except (ValidationError, ValueError, jwt.PyJWTError) as error:
                raise ProviderAway(f"{address}: what it gives can't be used ({type(error).__name__})") from None
            if document.issuer != self._issuer:
                raise ProviderAway(f"{address} is of {document.issuer}; set FAIRLEAD_OPENID__ISSUER to that")
            self._document, self._keys = document, keys
            self._read_at, self._failed_at = time.monotonic(), -FRESH_SECONDS

    async def _ask(self, method: str, address: str, **given: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        # A proxy of the environment must not come between us and loopback.
        away = urlsplit(address).hostname not in {"localhost", "127.0.0.1", "::1"}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=self._tls, trust_env=away) as http:
                return await http.request(method, address, **given)
        except httpx.HTTPError as error:
            log.warning("no answer of the provider", action="openid_away", address=address, kind=type(error).__name__)
            raise ProviderAway(f"{address} does not answer") from None
