"""Logging in to HubSpot: with the token of a private app, which does not end, or as an app that was installed by OAuth 2.0.

Of the latter an access token holds for half an hour, and is renewed by the refresh token that the installation gave:
https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.connectors.answers import NAME, REFUSED_SECONDS, Answer, SystemDown, SystemPause, parsed
from workers.connectors.line import Line
from workers.connectors.making import NotConnected
from workers.connectors.sessions import Sessions
from workers.runtime.outside_http import UNTOLD_SECONDS
from workers.settings import HubSpot

PATH = "/oauth/v3/token"


@dataclass(frozen=True, slots=True)
class Token:
    """What requests carry."""

    value: str
    scopes: frozenset[str] | None
    """The rights that came with it; None: that was not said."""


class Login(Sessions[Token]):
    """One for each process and account."""

    def __init__(self, settings: HubSpot) -> None:
        """Take the settings.

        Raises:
            NotConnected: they don't say how to log in.
        """
        super().__init__()
        if not settings.connected:
            raise NotConnected("No token is set: set FAIRLEAD_HUBSPOT__ACCESS_TOKEN (docs/connect-hubspot.md).")
        self._settings = settings
        self._refresh = settings.refresh_token.get_secret_value() if settings.refresh_token else None

    @property
    def renews(self) -> bool:
        """Whether a token that is refused is replaced by a new one."""
        return self._refresh is not None

    async def log_in(self, line: Line) -> Token:
        """See `Sessions.log_in`."""
        settings = self._settings
        if self._refresh is None:
            return Token(settings.access_token.get_secret_value() if settings.access_token else "", None)
        form = {
            "grant_type": "refresh_token",
            "client_id": str(settings.client_id),
            "client_secret": settings.client_secret.get_secret_value() if settings.client_secret else "",
            "refresh_token": self._refresh,
        }
        answer = await line.send("POST", PATH, headers={"Accept": "application/json"}, data=form)
        token, following = _read(answer)
        self._refresh = following or self._refresh
        return token


def _read(answer: Answer) -> tuple[Token, str | None]:
    """The access token, and the refresh token that comes with it."""
    found = parsed(answer.content)
    body = found if isinstance(found, dict) else {}
    if answer.status == 429:
        raise SystemPause("HubSpot asks for a pause before the next log-in.", answer.pause or UNTOLD_SECONDS)
    if answer.status in {400, 401, 403} and body:
        code = str(body.get("status") or body.get("error"))
        told = f" ({code})" if NAME.fullmatch(code) else ""
        raise SystemPause(
            f"HubSpot refuses to renew the token{told}. Is the app still installed? Else install it again, and set "
            "FAIRLEAD_HUBSPOT__REFRESH_TOKEN, CLIENT_ID and CLIENT_SECRET.",
            REFUSED_SECONDS,
        )
    value, following, scopes = body.get("access_token"), body.get("refresh_token"), body.get("scopes")
    if answer.status != 200 or not isinstance(value, str) or not value:
        raise SystemDown(f"HubSpot gave no token ({answer.form}).")
    told_scopes = frozenset(map(str, scopes)) if isinstance(scopes, list) else None
    return Token(value, told_scopes), following if isinstance(following, str) and following else None
