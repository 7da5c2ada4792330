"""Every version, port, address and limit of Fairlead, in one place.

Each value can be set by an environment variable: prefix ``FAIRLEAD_``, two underscores between levels
(``FAIRLEAD_PORTS__GATEWAY=9000``), or by a file of that name in the folder ``FAIRLEAD_SECRETS_DIR``; the variable wins.
Secrets are `SecretStr`. `fairlead config show` tells what holds, and where it came from.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from workers.settings_access import OpenId
from workers.settings_crms import CrmName, Crms
from workers.settings_out import Chat, WebhooksOut, WebServices
from workers.settings_outside import HubSpot, Kafka, Salesforce, Sap, Webhooks
from workers.settings_regions import Regions
from workers.settings_sections import (
    Camunda,
    ControlRoom,
    Gateway,
    Healing,
    Heaps,
    Mail,
    Ports,
    Retention,
    Tracing,
    Versions,
    WorkerLimits,
    Zeebe,
)
from workers.settings_workday import Workday

__all__ = [
    "Camunda",
    "Chat",
    "ControlRoom",
    "Crms",
    "Gateway",
    "Healing",
    "Heaps",
    "HubSpot",
    "Kafka",
    "Mail",
    "OpenId",
    "Ports",
    "Regions",
    "Retention",
    "Salesforce",
    "Sap",
    "Settings",
    "Tracing",
    "Versions",
    "WebServices",
    "Webhooks",
    "WebhooksOut",
    "Workday",
    "WorkerLimits",
    "WrongSettings",
    "Zeebe",
    "get_settings",
    "variable",
]


def _models_folder() -> Path:
    return Path() if Path("bpmn").is_dir() else Path(__file__).parent / "_models"


class Settings(BaseSettings):
    """All settings; see the module's docstring for how they are given."""

    model_config = SettingsConfigDict(
        env_prefix="FAIRLEAD_",
        env_nested_delimiter="__",
        secrets_dir=os.environ.get("FAIRLEAD_SECRETS_DIR"),
        extra="ignore",
        # What is wrong may be a secret.
        hide_input_in_errors=True,
    )

    engine: Literal["local", "embedded", "remote"] = "local"
    home: Path = Path(".fairlead")
    """State of this installation: data, logs, process ids. The only folder besides `cache` that is written."""
    cache: Path = Field(
        default_factory=lambda: Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairlead"
    )
    """Downloads, shared by all installations of this user."""
    maven_repository: str | None = None
    """Base URL of the Maven repository that engines are fetched from; None: Maven Central."""
    models: Path = Field(default_factory=_models_folder)
    """The folder that holds bpmn/, dmn/ and forms/; default: the current one, else those shipped with the wheel."""
    bind_host: str = "127.0.0.1"
    runbooks_url: str | None = None
    """Where the pages of docs/runbooks are read (``…/incident.md``); None: at the gateway."""
    database_url: SecretStr | None = None
    """Any PostgreSQL DSN; None: the embedded server of the local stack."""
    crm: CrmName = "postgresql"
    """Where lead routing reads accounts and writes owners: the built-in CRM, or `hubspot`, or `salesforce`."""
    crm_database_url: SecretStr | None = None
    """Another way to the database for the built-in CRM alone (schemas crm and routing); None: as `database_url`."""
    erp_database_url: SecretStr | None = None
    """The same for the built-in ERP (schema erp)."""
    log_format: Literal["json", "console"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    sales_calendar: str = "US"
    """Country code of the public holidays that count where a person's own calendar is unknown."""
    sales_timezone: str = "UTC"
    """IANA name of the time zone of the sales organisation's office hours, for leads without a territory."""
    scoring_schema: str = "sales_leads"
    """The feature schema whose active model scores a lead."""
    scoring_schema_by_source: dict[str, str] = Field(default_factory=lambda: {"bank_marketing": "bank_marketing"})
    """Sources of leads that have a feature schema of their own."""
    duplicate_days: int = 90
    """How long after a lead the same person's next one still counts as the same lead."""

    versions: Versions = Versions()
    ports: Ports = Ports()
    heaps: Heaps = Heaps()
    camunda: Camunda = Camunda()
    zeebe: Zeebe = Zeebe()
    mail: Mail = Mail()
    gateway: Gateway = Gateway()
    openid: OpenId = OpenId()
    worker: WorkerLimits = WorkerLimits()
    retention: Retention = Retention()
    tracing: Tracing = Tracing()
    control_room: ControlRoom = ControlRoom()
    healing: Healing = Healing()
    webhooks: Webhooks = Webhooks()
    hubspot: HubSpot = HubSpot()
    salesforce: Salesforce = Salesforce()
    workday: Workday = Workday()
    sap: Sap = Sap()
    kafka: Kafka = Kafka()
    crms: Crms = Crms()
    regions: Regions = Regions()
    webhooks_out: WebhooksOut = WebhooksOut()
    web_services: WebServices = WebServices()
    chat: Chat = Chat()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then files; the usual source of files knows no nested settings."""
        return init_settings, env_settings, NestedSecretsSettingsSource(file_secret_settings)

    @model_validator(mode="after")
    def _crm_is_connected(self) -> Self:
        for system, connected, wanted in (
            ("hubspot", self.hubspot.connected, "FAIRLEAD_HUBSPOT__ACCESS_TOKEN"),
            ("salesforce", self.salesforce.connected, "FAIRLEAD_SALESFORCE__CLIENT_ID"),
        ):
            if not connected and self.crm == system:
                raise ValueError(f"with FAIRLEAD_CRM={system} set also {wanted}")
            if not connected and system in dict(self.crms).values():
                name = next(name for name, crm in self.crms if crm == system)
                raise ValueError(f"with FAIRLEAD_CRMS__{name.upper()}={system} set also {wanted}")
        return self

    @field_validator("database_url")
    @classmethod
    def _is_a_dsn(cls, given: SecretStr | None) -> SecretStr | None:
        from psycopg import ProgrammingError  # noqa: PLC0415 - most programs that read settings open no database
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - see above

        try:
            parts = conninfo_to_dict(given.get_secret_value() if given else "")
            # A password that is not quoted ends up in another part, which would be shown.
            odd = (
                "@" in f"{parts.get('host')}{parts.get('dbname')}"
                or not str(parts.get("port", 0)).replace(",", "").isdigit()
            )
        except ProgrammingError:  # its message shows parts of the DSN
            odd = True
        if odd:
            raise ValueError(
                "it is no PostgreSQL DSN; it has the form postgresql://user:password@host:5432/database, with @ : / of "
                "the password written as %40 %3A %2F"
            )
        return given

    @property
    def zeebe_address(self) -> str:
        """``host:port`` of the engine's gRPC gateway."""
        return self.zeebe.address or f"127.0.0.1:{self.ports.zeebe}"

    @property
    def camunda_url(self) -> str:
        """Base URL of Camunda's REST API, Tasklist and Operate, without a slash at the end."""
        return (self.zeebe.rest_address or f"http://127.0.0.1:{self.ports.camunda_http}").rstrip("/")

    @property
    def gateway_url(self) -> str:
        """Base URL under which people reach the gateway, without a slash at the end."""
        return (self.gateway.public_url or f"http://127.0.0.1:{self.ports.gateway}").rstrip("/")

    def runbook(self, name: str) -> str:
        """Address of the page `name` of docs/runbooks."""
        return f"{(self.runbooks_url or f'{self.gateway_url}/runbooks').rstrip('/')}/{name}.md"

    @property
    def records_url(self) -> str:
        """Base URL of the OpenSearch that holds the engine's records, without a slash at the end."""
        return (self.control_room.records_url or f"http://127.0.0.1:{self.ports.opensearch}").rstrip("/")

    @property
    def zipkin_url(self) -> str:
        """Base URL of the local stack's Zipkin."""
        return f"http://127.0.0.1:{self.ports.zipkin}"

    @property
    def own_zipkin(self) -> bool:
        """Whether the local stack has a Zipkin."""
        return self.tracing.exporter == "zipkin" and self.tracing.endpoint is None

    @property
    def tracing_endpoint(self) -> str:
        """URL that spans are posted to, if any are."""
        local = f"{self.zipkin_url}/api/v2/spans" if self.own_zipkin else "http://127.0.0.1:4318/v1/traces"
        return self.tracing.endpoint or local

    @property
    def dsn(self) -> str:
        """DSN of the database in use."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"postgresql://postgres@127.0.0.1:{self.ports.postgres}/fairlead"


class WrongSettings(Exception):
    """A setting has a value that it can't have."""


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        WrongSettings: names each variable at fault, without its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [
            f"{variable(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}."
            for fault in error.errors(include_input=False)
        ]
        raise WrongSettings("\n".join(faults)) from None
    except SettingsError as error:  # a list or mapping that is no JSON; the message names the field, not the value
        raise WrongSettings(f"{error}; write lists and mappings as JSON.") from None


def variable(path: Iterable[object]) -> str:
    """The environment variable of a setting: ``FAIRLEAD_PORTS__GATEWAY``."""
    return "FAIRLEAD_" + "__".join(str(part) for part in path).upper()
