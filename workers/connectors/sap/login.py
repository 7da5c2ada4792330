"""Logging in to SAP: HTTP Basic or OAuth 2.0 client credentials, and the CSRF token that each change must bring.

The token belongs to a session, which belongs to cookies: each request brings them back, so that SAP makes one session and
not one for each request. All three end by SAP's settings, which no answer tells; whoever is refused first gets new ones.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from workers.connectors.answers import NAME, REFUSED_SECONDS, SystemDown, SystemPause, parsed
from workers.connectors.line import Line
from workers.connectors.making import NotConnected
from workers.connectors.sap import answers
from workers.connectors.sessions import Sessions
from workers.settings import Sap

_REFUSED = {
    403: (
        "The user may not use the service: give it the communication arrangement (SAP_COM_0008 for business partners, SAP_COM_0109"
        " for sales orders), or S_SERVICE for it."
    ),
    404: (
        "There is no such service: see FAIRLEAD_SAP__BASE_URL, and FAIRLEAD_SAP__SERVICE or ORDER_SERVICE, and whether it is"
        " active (/IWFND/MAINT_SERVICE)."
    ),
}


@dataclass(frozen=True, slots=True)
class Session:
    """Who we are in SAP for a while."""

    authorization: str
    token: str
    cookies: str

    @property
    def headers(self) -> dict[str, str]:
        """What each request brings."""
        known = {"Authorization": self.authorization, "X-CSRF-Token": self.token}
        return known | ({"Cookie": self.cookies} if self.cookies else {})


class Login(Sessions[Session]):
    """One for each process and system."""

    def __init__(self, settings: Sap) -> None:
        """Take the settings.

        Raises:
            NotConnected: they don't say how to log in.
        """
        super().__init__()
        if not settings.connected:
            raise NotConnected(
                "No log-in is set: set FAIRLEAD_SAP__BASE_URL, and USERNAME and PASSWORD or an OAuth client"
                " (docs/connect-sap.md)."
            )
        self._settings = settings

    async def log_in(self, line: Line) -> Session:
        """See `Sessions.log_in`."""
        authorization = await self._authorization(line)
        answer = await line.send(
            "GET",
            f"{self._settings.service}/",
            headers={
                "Authorization": authorization,
                "Accept": "application/json",
                "X-CSRF-Token": "Fetch",
                **always(self._settings),
            },
        )
        if advice := _REFUSED.get(answer.status):
            raise SystemPause(f"SAP refuses the service (status {answer.status}). {advice}", REFUSED_SECONDS)
        answers.read(answer, "open a session")
        token = answer.headers.get("x-csrf-token", "")
        if not token or token.lower() == "required":
            raise SystemDown("SAP gave no CSRF token.")
        cookies = (cookie.partition(";")[0].strip() for cookie in answer.cookies)
        return Session(authorization, token, "; ".join(one for one in cookies if "=" in one))

    async def _authorization(self, line: Line) -> str:
        settings = self._settings
        if settings.username is not None:
            return _basic(settings.username, settings.password.get_secret_value() if settings.password else "")
        secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
        answer = await line.send(
            "POST",
            str(settings.token_url),
            headers={"Authorization": _basic(str(settings.client_id), secret), "Accept": "application/json"},
            data={"grant_type": "client_credentials"},
        )
        found = parsed(answer.content)
        body = found if isinstance(found, dict) else {}
        error, given = body.get("error"), body.get("access_token")
        if answer.status in {400, 401, 403}:
            code = error if isinstance(error, str) and NAME.fullmatch(error) else "UNKNOWN"
            raise SystemPause(
                f"The OAuth server refuses the log-in ({code}): see FAIRLEAD_SAP__CLIENT_ID and CLIENT_SECRET.",
                REFUSED_SECONDS,
            )
        if answer.status != 200 or not isinstance(given, str):
            raise SystemDown(f"The OAuth server gave no token ({answer.form}).")
        return f"Bearer {given}"


def always(settings: Sap) -> Mapping[str, str]:
    """Headers of every request: which client of the system is meant. Messages are never shown, so their language is not."""
    return {"sap-client": settings.client} if settings.client else {}


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
