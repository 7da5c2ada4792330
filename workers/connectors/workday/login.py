"""Logging in to Workday: as an integration system user by name and password, or as an API client for integrations, whose
access token is renewed by the refresh token that was made for such a user (OAuth 2.0, RFC 6749).
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from pydantic import SecretStr

from workers.connectors.answers import REFUSED_SECONDS, SystemDown, SystemPause, code_in, parsed
from workers.connectors.line import Line
from workers.connectors.making import NotConnected
from workers.connectors.sessions import Sessions
from workers.connectors.workday.answers import ADVICE_LOG_IN
from workers.runtime.outside_http import UNTOLD_SECONDS
from workers.settings import Workday


class Login(Sessions[str]):
    """One for each process and tenant; a session is what the header ``Authorization`` says."""

    def __init__(self, settings: Workday) -> None:
        """Take the settings.

        Raises:
            NotConnected: they don't say how to log in.
        """
        super().__init__()
        if not settings.connected:
            raise NotConnected("No log-in is set: set FAIRLEAD_WORKDAY__USERNAME (docs/connect-workday.md).")
        self._settings = settings

    @property
    def renews(self) -> bool:
        """Whether a log-in that is refused is replaced by a new one."""
        return self._settings.refresh_token is not None

    async def log_in(self, line: Line) -> str:
        """See `Sessions.log_in`."""
        settings = self._settings
        if settings.refresh_token is None:
            return _basic(str(settings.username), settings.password)
        answer = await line.send(
            "POST",
            f"/ccx/oauth2/{quote(str(settings.tenant), safe='')}/token",
            headers={
                "Accept": "application/json",
                "Authorization": _basic(str(settings.client_id), settings.client_secret),
            },
            data={"grant_type": "refresh_token", "refresh_token": settings.refresh_token.get_secret_value()},
        )
        found = parsed(answer.content)
        body = found if isinstance(found, dict) else {}
        if answer.status == 429:
            raise SystemPause("Workday asks for a pause before the next log-in.", answer.pause or UNTOLD_SECONDS)
        if answer.status in {400, 401, 403}:
            code = code_in(body.get("error"))
            raise SystemPause(f"Workday refuses to renew the token ({code}). {ADVICE_LOG_IN}", REFUSED_SECONDS)
        token = body.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not token:
            raise SystemDown(f"Workday gave no token ({answer.form}).")
        return f"Bearer {token}"


def _basic(name: str, secret: SecretStr | None) -> str:
    given = f"{name}:{secret.get_secret_value() if secret else ''}"
    return f"Basic {base64.b64encode(given.encode()).decode()}"
