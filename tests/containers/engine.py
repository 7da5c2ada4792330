"""Camunda in containers as an engine that a test drives: `pytest tests/process --engine=container`.

OpenSearch runs for the whole session; each engine is a container of its own with a broker that has nothing in it yet.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest
from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.network import Network

from tests.containers.cluster import ClusterEngine, Doors
from tests.containers.images import TAGS
from workers.engine import camunda
from workers.engine.driven import DrivenEngine, Engines
from workers.engine.errors import StartError
from workers.engine.ports import free_port
from workers.settings import Camunda, Ports, Settings

OPENSEARCH = "opensearch"
"""OpenSearch's name in the containers' network."""
OPENSEARCH_PORT = 9200
DATA = "/tests"
"""Where the broker writes: no folder of the image, whose mode a mount would take over, but not its owner."""
START_SECONDS = 180
STEP_SECONDS = 0.5
JAVA = "-Xms256m -Xmx768m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
READ = (
    "DEPLOYMENT", "FORM", "INCIDENT", "JOB", "MESSAGE", "PROCESS", "PROCESSINSTANCE", "PROCESSINSTANCECREATION",
    "PROCESSINSTANCEMIGRATION", "PROCESSINSTANCEMODIFICATION", "TIMER", "USERTASK", "VARIABLE",
)  # fmt: skip
"""Value types that tests read, as the exporter's settings write them."""


def require_docker() -> None:
    """Raises `pytest.UsageError` that says what to do where no Docker engine answers."""
    try:
        DockerClient().client.ping()
    except DockerException as error:
        raise pytest.UsageError(
            f"--engine=container needs a Docker engine, and none answers ({error}). Start one or set DOCKER_HOST; "
            "without the option the tests run on the engine in memory, which needs none."
        ) from error


@contextmanager
def engines() -> Iterator[Engines]:
    """Engines in containers, and OpenSearch for all of them. Raises `StartError`."""
    with ExitStack() as held:
        alone = "bridge" not in {one.name for one in DockerClient().client.networks.list()}
        if alone:  # Docker may make no network here (`--bridge=none`), so all have that of the host
            network, ports = None, Ports(opensearch=OPENSEARCH_PORT)
            # What clears away after a killed run wants a published port.
            testcontainers_config.ryuk_disabled = True
        else:
            network, ports = held.enter_context(Network()), Ports()
        opensearch = _container("opensearch", network, OPENSEARCH_PORT).with_envs(
            **{"discovery.type": "single-node", "DISABLE_SECURITY_PLUGIN": "true"},
            OPENSEARCH_JAVA_OPTS="-Xms512m -Xmx512m",
            NETWORK_HOST="127.0.0.1" if alone else "0.0.0.0",  # what tests/containers/opensearch.Dockerfile asks for
        )
        held.enter_context(_started(opensearch))
        records = _url(opensearch, OPENSEARCH_PORT)
        _answers(opensearch, f"{records}/_cluster/health?wait_for_status=yellow&timeout=1s")
        yield partial(_engine, network, ports, records, (f"test-{number}" for number in count(1)))


@contextmanager
def _engine(network: Network | None, ports: Ports, records: str, prefixes: Iterator[str]) -> Iterator[DrivenEngine]:
    prefix = next(prefixes)
    if network is None:
        names = ("zeebe", "zeebe_command", "zeebe_internal", "camunda_http", "camunda_management")
        ports = ports.model_copy(update={name: free_port() for name in names})
    container = (
        _container("camunda", network, ports.zeebe, ports.camunda_http, ports.camunda_management)
        .with_envs(**environment(ports, prefix, alone=network is None))
        # Nobody needs a test's data after a power cut. What is called size takes all of Docker's options.
        .with_tmpfs_mount(DATA, "mode=1777")
    )
    with _started(container):
        management = _url(container, ports.camunda_management)
        _answers(container, f"{management}/actuator/health/readiness")
        grpc = _url(container, ports.zeebe).removeprefix("http://")
        engine = ClusterEngine(Doors(grpc, _url(container, ports.camunda_http), management, records, prefix))
        try:
            yield engine
        finally:
            engine.close()
    # Each day that a test travels to has indexes of its own, and a node takes a thousand of them.
    httpx.delete(f"{records}/{prefix}_*", trust_env=False).raise_for_status()


def environment(ports: Ports, prefix: str, *, alone: bool) -> dict[str, str]:
    """Settings of a broker with its gateway and REST API, that exports at once all that tests read.

    `alone`: on the host's network, where it listens on loopback; else in a network with `OPENSEARCH`.
    """
    tuning = Camunda(clock_controlled=True, export_size=1)
    found = camunda.environment(Settings(ports=ports, camunda=tuning, home=Path(DATA)))
    del found["LOGGING_CONFIG"]
    exporter = "ZEEBE_BROKER_EXPORTERS_OPENSEARCH_ARGS"
    found |= {
        "JAVA_TOOL_OPTIONS": JAVA,
        "SPRING_PROFILES_ACTIVE": "broker",
        "CAMUNDA_REST_QUERY_ENABLED": "false",
        "ZEEBE_BROKER_DATA_DIRECTORY": DATA,
        "ZEEBE_BROKER_DATA_LOGSEGMENTSIZE": "16MB",
        "ZEEBE_BROKER_DATA_DISK_FREESPACE_PROCESSING": "64MB",
        "ZEEBE_BROKER_DATA_DISK_FREESPACE_REPLICATION": "32MB",
        f"{exporter}_INDEX_PREFIX": prefix,
        f"{exporter}_INDEX_REJECTION": "true",
        **{f"{exporter}_INDEX_{name}": "true" for name in READ},
    }
    if not alone:
        for name in ("SERVER_ADDRESS", "MANAGEMENT_SERVER_ADDRESS", "ZEEBE_BROKER_GATEWAY_NETWORK_HOST"):
            found[name] = "0.0.0.0"
        del found["ZEEBE_BROKER_NETWORK_HOST"]
        found[f"{exporter}_URL"] = f"http://{OPENSEARCH}:{OPENSEARCH_PORT}"
    return found


def _container(name: str, network: Network | None, *ports: int) -> DockerContainer:
    container = DockerContainer(TAGS[name])
    if network is None:
        return container.with_kwargs(network_mode="host")
    return container.with_network(network).with_network_aliases(name).with_exposed_ports(*ports)


@contextmanager
def _started(container: DockerContainer) -> Iterator[None]:
    try:
        container.start()
    except DockerException as error:
        raise StartError(
            f"No container of {container.image} starts ({error}). Pull that image, or build it as docs/deployment.md says."
        ) from error
    try:
        yield
    finally:
        container.stop()


def _url(container: DockerContainer, port: int) -> str:
    if not container.ports:  # on the host's network
        return f"http://127.0.0.1:{port}"
    return f"http://{container.get_container_host_ip()}:{container.get_exposed_port(port)}"


def _answers(container: DockerContainer, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        container.reload()
        if container.status in {"exited", "dead"} or time.monotonic() > deadline:
            said = "\n".join(part.decode(errors="replace") for part in container.get_logs())
            raise StartError(f"{container.image} is {container.status} and does not answer:\n{said[-3000:]}")
        time.sleep(STEP_SECONDS)
