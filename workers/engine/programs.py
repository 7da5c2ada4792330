"""The programs of the local stack, each declared once: command, environment, ports, order, and when it is ready."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from workers.engine import camunda, opensearch, postgres, readiness, zipkin
from workers.engine.downloads import Store
from workers.engine.extras import can_forecast, can_plan, can_predict
from workers.engine.politely import politely
from workers.settings import Settings

SCORING_TASK = "lead_routing.score_lead"
"""Served by a process of its own, so that a slow or dead scorer delays nothing else."""


UPKEEP_TASKS = tuple(
    f"lead_routing.{name}"
    for name in (
        "activate_scorer",
        "ask_checks",
        "check_drift",
        "deactivate_scorer",
        "prepare_review",
        "record_review",
        "restore_scorer",
        "retrain_scorer",
        "send_review_notice",
        "try_scorer",
    )
)
"""The tasks of the diagram `scorer_upkeep`, in a process of their own: training takes memory and a core for a while."""

FORECASTER_TASKS = tuple(
    f"forecast_review.{name}"
    for name in (
        "check_history",
        "collect_history",
        "compose_forecast",
        "explain_forecast",
        "fit_forecast",
        "judge_forecast",
        "list_reviews",
        "repair_history",
    )
)
"""The tasks that need the forecasting libraries; no other process imports them."""
PLANNER_TASKS = tuple(f"quota_approval.{name}" for name in ("adjust_quota", "plan_quotas", "print_letters")) + tuple(
    f"territory_alignment.{name}" for name in ("adjust_territories", "collect_territories", "solve_territories")
)
"""The tasks that need the planning libraries, in a process of their own."""
POLITE_NICE = 10
"""Fitting and planning take all cores for minutes, pages may be a second late: everything else goes before them."""


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    title: str
    phase: int
    """Programs of one phase start together, when all of the phases before are ready."""
    command: Callable[[], tuple[str, ...]]
    """Its command line; fetches what is missing, so it may raise `DownloadError`."""
    ready: Callable[[], Awaitable[str | None]]
    """Answers None, or in a few words what is missing (`workers.engine.readiness`)."""
    ports: Mapping[str, int]
    """Names in `settings.Ports` → numbers that it listens on."""
    address: str = ""
    """Where people or programs reach it."""
    login: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] | None = None
    """Called before each start by `fairlead up`; writes below `settings.home` only."""
    disk_bytes: int = 0
    """Room that must be free where `settings.home` lies, or it would not work."""
    start_seconds: float = 180.0
    """The most that is waited until it is ready: a dozen start at once, maybe on two slow processors."""
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    priority: int = 500
    """The supervisor stops programs in the reverse order of this."""


def programs(settings: Settings, store: Store, *, engine_only: bool = False, sample: bool = False) -> list[Program]:
    """What runs for these settings, in starting order; ``sample``: also what feeds and answers sample leads."""
    found: list[Program] = []
    if settings.database_url is None:
        found.append(_postgres(settings))
    if settings.engine == "local":
        found += [_opensearch(settings, store), _camunda(settings, store), _task_door(settings)]
    if settings.mail.port is None:
        found.append(_mail(settings))
    if settings.own_zipkin:
        found.append(_zipkin(settings, store))
    if not engine_only:
        found += _own(settings)
    if sample:
        found.append(_sample())
    return sorted(found, key=lambda program: program.phase)


def _postgres(settings: Settings) -> Program:
    return Program(
        name="postgres",
        title="PostgreSQL 18",
        phase=1,
        command=partial(postgres.command, settings),
        ready=partial(readiness.postgres_ok, f"postgresql://postgres@127.0.0.1:{settings.ports.postgres}/postgres"),
        ports={"postgres": settings.ports.postgres},
        address=settings.dsn,
        prepare=partial(postgres.initialise, settings),
        stop_signal="INT",  # "fast shutdown": the default would wait for every client to leave
        priority=100,
    )


def _opensearch(settings: Settings, store: Store) -> Program:
    url = f"http://127.0.0.1:{settings.ports.opensearch}"
    return Program(
        name="opensearch",
        title="OpenSearch",
        phase=1,
        command=partial(opensearch.command, settings, store),
        ready=partial(readiness.opensearch_ok, url),
        ports={
            "opensearch": settings.ports.opensearch,
            "opensearch_transport": settings.ports.opensearch_transport,
        },
        address=url,
        prepare=partial(opensearch.configure, settings),
        start_seconds=300.0,
        priority=200,
    )


def _camunda(settings: Settings, store: Store) -> Program:
    ports = settings.ports
    return Program(
        name="camunda",
        title="Camunda",
        phase=2,
        command=partial(camunda.command, settings, store),
        ready=partial(readiness.camunda_ok, settings),
        ports={
            "zeebe": ports.zeebe,
            "zeebe_command": ports.zeebe_command,
            "zeebe_internal": ports.zeebe_internal,
            "camunda_http": ports.camunda_http,
            "camunda_management": ports.camunda_management,
        },
        address=settings.camunda_url,
        login="demo / demo",
        environment=camunda.environment(settings),
        prepare=partial(camunda.configure, settings),
        disk_bytes=camunda.FREE_BYTES,
        start_seconds=settings.camunda.start_seconds,
        priority=300,
    )


def _task_door(settings: Settings) -> Program:
    port = settings.ports.task_door
    return Program(
        name="task_door",
        title="Tasklist's door",
        phase=2,
        command=lambda: (sys.executable, "-m", "workers.engine.task_door"),
        ready=partial(readiness.http_ok, f"http://127.0.0.1:{port}/readyz"),
        ports={"task_door": port},
        address=f"http://127.0.0.1:{port}",
        stop_seconds=5,
        priority=300,
    )


def _mail(settings: Settings) -> Program:
    folder = settings.home.absolute() / "mail"
    listen = f"127.0.0.1:{settings.ports.smtp}"
    handler = ("aiosmtpd.handlers.Mailbox", str(folder))
    return Program(
        name="mail",
        title="Mail catcher",
        phase=1,
        command=lambda: (sys.executable, "-m", "aiosmtpd", "-n", "-l", listen, "-c", *handler),
        ready=partial(readiness.tcp_ok, "127.0.0.1", settings.ports.smtp),
        ports={"smtp": settings.ports.smtp},
        address=f"smtp://{listen} → {_short(folder)}",
        stop_signal="INT",
        stop_seconds=5,
        priority=100,
    )


def _zipkin(settings: Settings, store: Store) -> Program:
    return Program(
        name="zipkin",
        title="Zipkin, traces",
        phase=1,
        command=partial(zipkin.command, settings, store),
        ready=partial(readiness.http_ok, f"{settings.zipkin_url}/health"),
        ports={"zipkin": settings.ports.zipkin},
        address=f"{settings.zipkin_url}/zipkin/",
        environment=zipkin.ENVIRONMENT,
        start_seconds=300.0,
        priority=200,
    )


def _own(settings: Settings) -> list[Program]:
    """Fairlead's own processes."""
    ports = settings.ports
    libraries = settings.home.absolute() / "libraries"
    # Both would make folders in the user's own home.
    environment = {"MPLCONFIGDIR": str(libraries / "matplotlib"), "KERAS_HOME": str(libraries / "keras")}

    def one(name: str, title: str, phase: int, port_name: str, *arguments: str) -> Program:
        port = getattr(ports, port_name)
        door = name == "gateway"
        options = () if door else ("--metrics-port", str(port))
        return Program(
            name=name,
            title=title,
            phase=phase,
            command=lambda: (sys.executable, "-m", "workers", *arguments, *options),
            ready=partial(readiness.http_ok, f"http://127.0.0.1:{port}/readyz"),
            ports={port_name: port},
            address=f"{settings.gateway_url}/control" if door else f"http://127.0.0.1:{port}/metrics",
            environment=environment,
            stop_seconds=int(settings.worker.drain_seconds) + 10,
            priority=600,
        )

    excluded = [
        word for task in (SCORING_TASK, *UPKEEP_TASKS, *FORECASTER_TASKS, *PLANNER_TASKS) for word in ("--except", task)
    ]
    found = [
        one("dispatcher", "Dispatcher", 3, "dispatcher_metrics", "dispatcher", "run"),
        one("worker", "Worker", 3, "worker_metrics", "worker", "run", "--all", *excluded),
        one("scorer", "Scoring worker", 3, "scorer_metrics", "worker", "run", SCORING_TASK),
        one("upkeep", "Scorer upkeep", 3, "upkeep_metrics", "worker", "run", *UPKEEP_TASKS),
        one("healing", "Self-healing", 3, "healing_metrics", "heal", "run"),
        one("gateway", "Gateway and control room", 4, "gateway", "gateway", "run"),
    ]
    if settings.engine == "local" or settings.control_room.records_url is not None:
        found.append(_giving_way(one("readmodel", "Read model", 3, "readmodel_metrics", "readmodel", "run")))
        if can_predict():
            predict = ("readmodel", "predict", "run")
            found.append(_giving_way(one("predictor", "Prediction", 4, "predictor_metrics", *predict)))
    if settings.kafka.bootstrap_servers is not None:
        found.append(one("events", "Events by Kafka", 3, "events_metrics", "events", "run"))
    if can_forecast():
        found.append(
            _giving_way(one("forecaster", "Forecaster", 3, "forecaster_metrics", "worker", "run", *FORECASTER_TASKS))
        )
    if can_plan():
        found.append(_giving_way(one("planner", "Planner", 3, "planner_metrics", "worker", "run", *PLANNER_TASKS)))
    return found


def _giving_way(program: Program) -> Program:
    """A program before which everything else goes."""
    return replace(program, command=lambda: politely(program.command(), POLITE_NICE))


def _sample() -> Program:
    return Program(
        name="sample",
        title="Sample leads and people",
        phase=5,
        command=lambda: (sys.executable, "-m", "workers", "sample", "run"),
        ready=readiness.always,
        ports={},
        priority=900,
    )


def _short(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
