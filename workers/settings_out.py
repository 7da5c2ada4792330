"""The sections of `workers.settings.Settings` about what goes out to others without code: webhooks, requests of diagrams, chat."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, model_validator

SUBSCRIPTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
"""Names of those who are sent webhooks."""
_SECRET = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


class WebhooksOut(BaseModel):
    """Webhooks that we send; who gets them is said by `fairlead webhooks add`. See docs/webhooks.md."""

    secrets: dict[str, list[SecretStr]] = Field(default_factory=dict)
    """By subscription the secrets (``whsec_…``) that sign, all of them: several while one is replaced. Those without are
    signed by a secret that was made for them."""
    trusted_hosts: list[str] = Field(default_factory=list)
    """Hosts that may be called although they are in our own network, or speak no TLS."""
    seconds: float = Field(default=10.0, gt=0, le=25)
    """How long an attempt may take."""
    tries: int = Field(default=16, ge=1, le=50)
    """Of each event, some 9 hours on average and 18 at most; then it is a dead letter."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name in self.secrets:
            if not SUBSCRIPTION.fullmatch(name):
                raise ValueError(f"a subscription has 1 to 50 small letters, digits, _ or -; {name[:50]!r} is none")
        return self


class RequestSecret(BaseModel):
    """What a diagram calls ``{{secrets.NAME}}``."""

    value: SecretStr
    hosts: list[str] = Field(min_length=1)
    """It is sent to these and to no others, whatever a diagram says."""


class SoapService(BaseModel):
    """A SOAP service that diagrams may ask."""

    wsdl: Path
    """Its description, a file; schemas that it imports lie beside it. None is fetched: the contract does not change under
    running processes."""
    url: str | None = None
    """Where it is; None: where the WSDL says."""


class WebServices(BaseModel):
    """Requests that diagrams make of other systems; see docs/connect-anything.md."""

    secrets: dict[str, RequestSecret] = Field(default_factory=dict)
    """By the name that diagrams use."""
    soap: dict[str, SoapService] = Field(default_factory=dict)
    """SOAP services, by the name that diagrams use."""
    trusted_hosts: list[str] = Field(default_factory=list)
    """Hosts that may be asked although they are in our own network, or speak no TLS."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name in self.secrets:
            if not _SECRET.fullmatch(name):
                raise ValueError(f"a secret's name has letters, digits and _, a letter first; {name[:50]!r} is none")
        return self


class Room(BaseModel):
    """A channel of Slack or Teams, and whose mail goes there."""

    kind: Literal["slack", "teams"]
    url: SecretStr
    """Of Slack's incoming webhook, or of the workflow in Teams that posts what it is sent."""
    addresses: list[str] = Field(min_length=1)
    """Mail addresses; what is written to one of them is posted to the room."""
    mail: bool = True
    """False: instead of the mail to those addresses, not beside it."""


class Chat(BaseModel):
    """Notices in Slack and Teams; see docs/notices.md."""

    rooms: dict[str, Room] = Field(default_factory=dict)
    """By a name of our own."""
    trusted_hosts: list[str] = Field(default_factory=list)
    """Hosts of rooms that are in our own network, or speak no TLS: a simulator, for instance."""

    @model_validator(mode="after")
    def _can_be_posted_to(self) -> Self:
        for name, room in self.rooms.items():
            if not SUBSCRIPTION.fullmatch(name):
                raise ValueError(f"a room has 1 to 50 small letters, digits, _ or -; {name[:50]!r} is none")
            parts = urlsplit(room.url.get_secret_value())
            plain = parts.scheme == "http" and parts.hostname in self.trusted_hosts
            if not parts.hostname or (parts.scheme != "https" and not plain):
                raise ValueError(
                    f"the url of {name} must be an https:// address; without TLS only one of trusted_hosts is called"
                )
        return self
