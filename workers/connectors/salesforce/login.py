"""Logging in to Salesforce: OAuth 2.0 by client credentials, or by a JWT that we sign (RFC 7523).

A session ends by the organisation's settings, which the answer does not tell; the first request that is refused for it
has a new one made, and is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from workers.connectors.answers import NAME, REFUSED_SECONDS, Answer, SystemDown, SystemPause, parsed
from workers.connectors.line import Line
from workers.connectors.making import NotConnected
from workers.connectors.sessions import Sessions
from workers.settings import Salesforce

PATH = "/services/oauth2/token"

JWT_SECONDS = 180
"""Salesforce takes no assertion that holds for longer."""

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ADVICE = {
    "invalid_client_id": "FAIRLEAD_SALESFORCE__CLIENT_ID is no connected app of this organisation.",
    "invalid_client": "FAIRLEAD_SALESFORCE__CLIENT_SECRET is wrong.",
    "inactive_user": "The user that logs in is not active.",
    "inactive_org": "The organisation is locked or expired.",
    "invalid_app_access": "The user may not use the connected app: see its policies and the user's permission sets.",
    "unsupported_grant_type": "The connected app does not allow this flow; enable it there.",
    "invalid_grant": (
        "Client credentials: the base URL must be the My Domain and the app must name who it runs as. JWT: the user must "
        "be approved for the app, which needs the certificate; the audience of a sandbox is https://test.salesforce.com."
    ),
}


@dataclass(frozen=True, slots=True)
class Session:
    """Who we are in Salesforce for a while."""

    token: str
    user_id: str
    org_id: str
    instance_url: str
    """Where the organisation is, as Salesforce's other APIs want to be told."""


class Login(Sessions[Session]):
    """One for each process and organisation."""

    def __init__(self, settings: Salesforce) -> None:
        """Take the settings.

        Raises:
            NotConnected: they don't say how to log in, or the key is none.
        """
        super().__init__()
        if not settings.connected:
            raise NotConnected("No log-in is set: set FAIRLEAD_SALESFORCE__CLIENT_ID (docs/connect-salesforce.md).")
        self._settings = settings
        if settings.private_key is not None:
            self._signed()

    async def log_in(self, line: Line) -> Session:
        """See `Sessions.log_in`."""
        return _read(await line.send("POST", PATH, headers={"Accept": "application/json"}, data=self._grant()))

    def _grant(self) -> Mapping[str, str]:
        settings = self._settings
        if settings.client_secret is not None:
            secret = settings.client_secret.get_secret_value()
            return {"grant_type": "client_credentials", "client_id": str(settings.client_id), "client_secret": secret}
        return {"grant_type": _GRANT, "assertion": self._signed()}

    def _signed(self) -> str:
        settings = self._settings
        claims = {
            "iss": settings.client_id,
            "sub": settings.username,
            "aud": settings.audience,
            "exp": int(time.time()) + JWT_SECONDS,
        }
        key = settings.private_key.get_secret_value() if settings.private_key else ""
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):  # the key's own words are left out: they may repeat it
            raise NotConnected("FAIRLEAD_SALESFORCE__PRIVATE_KEY is no RSA key in PEM without a passphrase.") from None


def _read(answer: Answer) -> Session:
    found = parsed(answer.content)
    body = found if isinstance(found, dict) else {}
    error = str(body.get("error"))
    if answer.status in {400, 401, 403} and NAME.fullmatch(error) and "error" in body:
        advice = _ADVICE.get(error, "See the connected app's policies.")
        raise SystemPause(f"Salesforce refuses the log-in ({error}). {advice}", REFUSED_SECONDS)
    token, identity = body.get("access_token"), str(body.get("id")).split("/")
    instance = str(body.get("instance_url") or "")
    if answer.status != 200 or not isinstance(token, str) or len(identity) < 2:
        raise SystemDown(f"Salesforce gave no session ({answer.form}).")
    return Session(token, user_id=identity[-1], org_id=identity[-2], instance_url=instance)
