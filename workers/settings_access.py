"""Who may do what: roles, API tokens, and the OpenID provider that people sign in at. See docs/access.md."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

ALL_TEAMS = "*"


class Role(StrEnum):
    """What somebody may do; one may have several. `workers.gateway.access_rules` says which route needs which."""

    VIEWER = "viewer"
    """Reads what their teams have."""
    MANAGER = "manager"
    """Reads and decides what their teams have."""
    ANALYST = "analyst"
    """Reads everything, and tries changed rules on past cases."""
    OPERATOR = "operator"
    """Reads everything and repairs: incidents, dead letters, versions; starts and withdraws planning."""
    API = "api"
    """A machine: tells of leads, sales and what became of them. It reads nothing."""


BY_TEAM = frozenset({Role.VIEWER, Role.MANAGER})
"""Roles that need teams."""


class ApiToken(BaseModel):
    """A bearer token. One given as a mere text may do everything, as all could before there were roles."""

    model_config = ConfigDict(extra="forbid")

    token: SecretStr
    name: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9 ._@-]{0,59})?$")
    """How the audit trail and timelines call who uses it; empty: by the start of its digest."""
    roles: Annotated[frozenset[Role], Field(min_length=1)] = frozenset(Role)
    teams: tuple[str, ...] = ()
    """Names of what a viewer or manager sees, ``*`` for all; see docs/access.md."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, given: object) -> object:
        return {"token": given, "teams": [ALL_TEAMS]} if isinstance(given, str | SecretStr) else given

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if "roles" in self.model_fields_set and not self.name:
            raise ValueError('a token with roles needs a name, for instance "crm"')
        if "roles" not in self.model_fields_set and self.name:
            raise ValueError('a token with a name needs roles, for instance ["api"]')
        if self.roles & BY_TEAM and not self.teams:
            raise ValueError('a viewer or manager needs teams, for instance ["dach"], or ["*"] for all')
        return self


class OpenId(BaseModel):
    """The OpenID Connect provider that people sign in at (Keycloak, Entra ID, Okta, …)."""

    issuer: str | None = None
    """Its address, as in ``iss``; below it lies ``/.well-known/openid-configuration``. None: people sign in by tokens."""
    client_id: str = ""
    client_secret: SecretStr | None = None
    """None: a public client, which PKCE alone protects."""
    audience: str | None = None
    """What ``aud`` of an access token must name for the API to take it as a bearer token. None: it takes none."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    label: str = "Single sign-on"
    """What the button on the page Sign in says."""
    name_claim: str = "preferred_username"
    """What the audit trail calls a person by."""
    roles_claim: str = "groups"
    """The claim that says what somebody may do; dots lead inside, as in ``realm_access.roles``."""
    roles: dict[str, Annotated[frozenset[Role], Field(min_length=1)]] = Field(default_factory=dict)
    """Value of that claim → roles. Who has none of them does not get in."""
    teams_claim: str = "groups"
    teams: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Value of that claim → teams; beside them, managers see what our own tables say that they lead."""
    role_check_seconds: float = Field(default=60.0, ge=1)
    """How long roles count before the provider is asked again whether somebody still has them."""
    clock_skew_seconds: float = Field(default=30.0, ge=0, le=300)
    """By how much the provider's clock may differ from ours."""
    ca_file: Path | None = None
    """PEM file of the authority that signed the provider's certificate; None: those that the system trusts."""

    @model_validator(mode="before")
    @classmethod
    def _one_role(cls, given: Any) -> Any:  # noqa: ANN401 - whatever a source gave
        roles = given.get("roles") if isinstance(given, dict) else None
        if isinstance(roles, dict):
            given = given | {"roles": {key: [one] if isinstance(one, str) else one for key, one in roles.items()}}
        return given

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.issuer is None:
            return self
        address = urlsplit(self.issuer)
        loopback = address.hostname in {"localhost", "127.0.0.1", "::1"}
        if address.scheme != "https" and not (address.scheme == "http" and loopback):
            raise ValueError("FAIRLEAD_OPENID__ISSUER must be an https:// address")
        if not self.client_id or not self.roles:
            raise ValueError(
                "with an issuer set also FAIRLEAD_OPENID__CLIENT_ID, and FAIRLEAD_OPENID__ROLES, for instance"
                ' {"sales-managers": "manager"}'
            )
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"FAIRLEAD_OPENID__CA_FILE names {self.ca_file}, which is no file that can be read")
        return self
