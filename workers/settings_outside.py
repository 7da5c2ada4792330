"""The sections of `workers.settings.Settings` that are about other systems: what they may send us, and where they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

_SOURCE = re.compile(r"[a-z0-9_-]{1,50}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")


class Webhooks(BaseModel):
    """What other systems may send to ``/v1/webhooks/{source}``, signed by Standard Webhooks."""

    secrets: dict[str, list[SecretStr]] = Field(default_factory=dict)
    """For each source its secrets (``whsec_…``), any of which may sign: several while one is replaced."""
    max_body_bytes: int = Field(default=1_000_000, ge=1)
    """Of any webhook, HubSpot's too."""

    @model_validator(mode="after")
    def _sources(self) -> Self:
        for source in self.secrets:
            if not _SOURCE.fullmatch(source) or source == "hubspot":
                raise ValueError(
                    f"a source of webhooks has 1 to 50 small letters, digits, _ or -, and is not hubspot; {source[:50]!r} is none"
                )
        return self


class Kafka(BaseModel):
    """Events in and out; see docs/events.md. Needs the packages of the extra `events`."""

    bootstrap_servers: str | None = None
    """``host:port``, several apart by commas; None: no Kafka."""
    topics_in: dict[str, str] = Field(default_factory=dict)
    """Topic → the source under which its leads are known."""
    topic_out: str | None = None
    """Where what happens in cases is told; None: nowhere."""
    group: str = "fairlead"
    """The consumer group; all processes of an installation share it."""
    early_hours: float = Field(default=24.0, gt=0)
    """So long an event waits that came before the lead that it is about; then it is a dead letter."""
    tls: bool = False
    ca_file: Path | None = None
    """Authority of the brokers' certificates; None: those that this machine trusts."""
    sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How `username` and `password` are given."""
    username: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _topics(self) -> Self:
        for topic, source in self.topics_in.items():
            if not _TOPIC.fullmatch(topic):
                raise ValueError(f"a topic has 1 to 200 letters, digits, '.', '_' or '-'; {topic[:50]!r} is none")
            if not _SOURCE.fullmatch(source):
                raise ValueError(f"a source has 1 to 50 small letters, digits, _ or -; {source[:50]!r} is none")
            if topic == self.topic_out:
                raise ValueError(f"{topic!r} is both read and written: what we tell would come back to us")
        if (self.topics_in or self.topic_out) and not self.bootstrap_servers:
            raise ValueError("topics are named, but no brokers: set also FAIRLEAD_KAFKA__BOOTSTRAP_SERVERS")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        return self


class OutsideSystem(BaseModel):
    """What is set of any system that is asked over the internet."""

    base_url: str | None
    mapping: Path | None = None
    """A YAML file that says which field there holds what; None: the `mapping.yaml` of its connector."""
    trusted_hosts: list[str] = Field(default_factory=list)
    """Hosts that `base_url` may name although they are in our own network or speak no TLS: a simulator, for instance."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.base_url is not None:
            _judge("base_url", self.base_url, self.trusted_hosts)
        return self


def _judge(name: str, url: str, trusted_hosts: list[str]) -> None:
    parts = urlsplit(url)  # its own message, for an address that is none, shows nothing secret
    plain = parts.scheme == "http" and parts.hostname in trusted_hosts
    if not parts.hostname or (parts.scheme != "https" and not plain):
        raise ValueError(f"{name} must be an https:// address; without TLS only one of trusted_hosts is asked")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{name} must have no user, password, query or fragment")


class OutsideCrm(OutsideSystem):
    """A system that may be the CRM of lead routing."""

    reconcile_at: str | None = Field(default="02:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """When, by UTC (``HH:MM``), both sides are compared each night, if it is the CRM of lead routing; None: never by itself."""

    @field_validator("reconcile_at", mode="before")
    @classmethod
    def _or_never(cls, given: object) -> object:
        return None if given == "" else given


class HubSpot(OutsideCrm):
    """A HubSpot account; see docs/connect-hubspot.md."""

    base_url: str = "https://api.hubapi.com"
    access_token: SecretStr | None = None
    """Of a private app in the account."""
    refresh_token: SecretStr | None = None
    """Instead: of an app that was installed by OAuth; `client_id` and `client_secret` renew its access tokens."""
    client_id: str | None = None
    """With `refresh_token`: the app's."""
    client_secret: SecretStr | None = None
    """Of the same app: signs its webhooks. None: ``/v1/webhooks/hubspot`` is closed."""

    @property
    def connected(self) -> bool:
        """Whether it is said how to log in."""
        return self.access_token is not None or self.refresh_token is not None

    @model_validator(mode="after")
    def _can_read(self) -> Self:
        if self.client_secret and not self.connected:
            raise ValueError(
                "a webhook says only which contact changed; to read it set also FAIRLEAD_HUBSPOT__ACCESS_TOKEN"
            )
        if self.refresh_token and (self.access_token or not self.client_id or not self.client_secret):
            raise ValueError(
                "to log in to HubSpot set either FAIRLEAD_HUBSPOT__ACCESS_TOKEN, or REFRESH_TOKEN with CLIENT_ID and"
                " CLIENT_SECRET"
            )
        return self


class Salesforce(OutsideCrm):
    """A Salesforce organisation; see docs/connect-salesforce.md."""

    base_url: str | None = None
    """Its My Domain, ``https://<name>.my.salesforce.com``."""
    client_id: str | None = None
    """Of the connected app, which Salesforce calls its consumer key."""
    client_secret: SecretStr | None = None
    """Of the same app, for the client credentials flow."""
    private_key: SecretStr | None = None
    """Instead: a PEM whose certificate the app has, for the JWT bearer flow; RSA, signs by RS256."""
    username: str | None = None
    """With `private_key`: as whom we log in."""
    audience: str = "https://login.salesforce.com"
    """With `private_key`: whom the log-in is meant for; of a sandbox ``https://test.salesforce.com``."""
    poll_seconds: float = Field(default=15.0, ge=1.0)
    """Between looks for new leads. Each is one of the day's requests."""
    bulk_records: int | None = Field(default=2_000, ge=1)
    """From so many records on imports and comparisons read and write by Bulk API 2.0; None: never."""
    changes: Literal["polling", "events"] = "polling"
    """How it is known what changes there: it is looked for every `poll_seconds`, or Salesforce tells at once, by Change Data
    Capture. Then it is looked for every 5 min all the same, and every `poll_seconds` while Salesforce can't tell."""
    pubsub_address: str = Field(default="api.pubsub.salesforce.com:443", pattern=r"^[A-Za-z0-9.-]{1,253}:[0-9]{1,5}$")
    """With `events`: where Salesforce's Pub/Sub API is; without TLS only if its host is one of `trusted_hosts`."""
    topic: str = Field(default="/data/LeadChangeEvent", pattern=r"^/data/[A-Za-z0-9_]{1,100}$")
    """With `events`: the channel that tells of leads; ``/data/ChangeEvents`` or one of your own tells of other records too."""
    take_leads: bool = True
    """False: new leads are left where they are, for who connects Salesforce for territories or opportunities alone."""

    @property
    def connected(self) -> bool:
        """Whether it is said how to log in."""
        return self.client_id is not None

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        flows = (self.client_secret is not None) + (self.private_key is not None and self.username is not None)
        if self.connected and (self.base_url is None or flows != 1):
            raise ValueError(
                "to log in to Salesforce set FAIRLEAD_SALESFORCE__BASE_URL, and with CLIENT_ID either CLIENT_SECRET, or"
                " PRIVATE_KEY and USERNAME"
            )
        return self


class Sap(OutsideSystem):
    """An SAP S/4HANA system, which gets leads that convert and opportunities that are won; see docs/connect-sap.md."""

    base_url: str | None = None
    """Of the system's APIs, as ``https://my123456-api.s4hana.cloud.sap``."""
    service: str = Field(default="/sap/opu/odata/sap/API_BUSINESS_PARTNER", pattern=r"^(/[A-Za-z0-9._;=~-]+)+$")
    """Where the business partner service is there."""
    client: str | None = Field(default=None, pattern=r"^[0-9]{3}$")
    """Number of the system's client, where it has several; None: its default one."""
    username: str | None = None
    """The communication user; with `password`."""
    password: SecretStr | None = None
    client_id: str | None = None
    """Instead: an OAuth client, for the client credentials flow; with `client_secret` and `token_url`."""
    client_secret: SecretStr | None = None
    token_url: str | None = None
    """Where the OAuth client gets its tokens."""
    conversions: bool = True
    """Whether leads that convert are delivered; with a log-in. False stops it: what waits is still delivered."""
    settling_seconds: float = Field(default=120.0, gt=0)
    """A creation that nobody heard of again is over by then, and may be asked for anew: far more than a deep insert takes, and
    twice the time that a connection of SAP's web server may be silent by default (``icm/server_port``, 60 s). Less than SAP
    takes would make a second business partner of the same lead."""
    order_mapping: Path | None = None
    """A YAML file that says what a sales order is made of; None: opportunities that are won become none."""
    order_service: str = Field(default="/sap/opu/odata/sap/API_SALES_ORDER_SRV", pattern=r"^(/[A-Za-z0-9._;=~-]+)+$")
    """Where the sales order service is there."""
    order_seconds: float = Field(default=300.0, ge=1.0)
    """Between looks for opportunities that were won."""

    @property
    def connected(self) -> bool:
        """Whether it is said how to log in."""
        return self.username is not None or self.client_id is not None

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        basic = self.username is not None and self.password is not None
        oauth = self.client_id is not None and self.client_secret is not None and self.token_url is not None
        if self.connected and (self.base_url is None or basic == oauth or (basic and self.client_id is not None)):
            raise ValueError(
                "to log in to SAP set FAIRLEAD_SAP__BASE_URL, and either USERNAME and PASSWORD, or CLIENT_ID, CLIENT_SECRET"
                " and TOKEN_URL"
            )
        if self.order_mapping is not None and not self.connected:
            raise ValueError("FAIRLEAD_SAP__ORDER_MAPPING is set, but no log-in to SAP")
        if self.token_url is not None:
            _judge("token_url", self.token_url, self.trusted_hosts)
        return self
